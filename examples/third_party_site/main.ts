// A site of somebody else, whose visitors connect their account of the platform: the whole of what such a site has to do, in one file, with
// nothing but Node.js. `node scripts/run.mjs examples/third_party_site/main.ts`, then open http://localhost:9401/
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'

// What the platform's support hands out when it registers a client. These are the values of the demo.
const ISSUER = process.env.ISSUER ?? 'http://localhost:9400/'
const API = process.env.API ?? ISSUER
const CLIENT_ID = process.env.CLIENT_ID ?? 'third-party-demo'
const CLIENT_SECRET = process.env.CLIENT_SECRET ?? 'third-party-secret'
const PORT = Number(process.env.PORT ?? 9401)
const REDIRECT_URI = `http://localhost:${PORT}/callback`
/** Where the platform sends people after they have signed out; the platform knows it from the registration. */
const HOME = `http://localhost:${PORT}/`
const SCOPE = 'openid profile offline_access read:entities write:entities'

// ── The platform ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Something that a visitor should read. */
class Problem extends Error {}

type Metadata = Readonly<
  Record<
    | 'issuer'
    | 'authorization_endpoint'
    | 'token_endpoint'
    | 'revocation_endpoint'
    | 'end_session_endpoint'
    | 'jwks_uri',
    string
  >
>
type Tokens = {
  readonly access_token: string
  readonly expires_in: number
  readonly scope: string
  /** Left out when the one that was sent stays valid. */
  readonly refresh_token?: string
  readonly id_token?: string
}

const ask = async (url: string, options: RequestInit = {}): Promise<{ status: number; body: unknown }> => {
  let response: Response
  try {
    response = await fetch(url, { ...options, redirect: 'error', signal: AbortSignal.timeout(10_000) })
  } catch {
    throw new Problem(`The platform at ${ISSUER} does not answer. Is it running? (npm start)`)
  }
  const text = await response.text()
  try {
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
  } catch {
    throw new Problem(`The platform answered ${response.status} with something else than JSON.`)
  }
}

/** Where everything is: asked for once, so that nothing but the issuer is written down here. */
let known: Metadata | undefined
const metadata = async (): Promise<Metadata> => {
  if (known !== undefined) return known
  const { status, body } = await ask(`${ISSUER}.well-known/openid-configuration`)
  const found = body as Metadata
  if (status !== 200 || found.issuer !== ISSUER) throw new Problem(`${ISSUER} is not the issuer that it says it is.`)
  return (known = found)
}

/** The client proves itself in the Authorization header, each part form-encoded (RFC 6749 §2.3.1). */
const asClient = (parameters: Readonly<Record<string, string>>): RequestInit => {
  const credentials = [CLIENT_ID, CLIENT_SECRET].map(encodeURIComponent).join(':')
  return {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    body: new URLSearchParams(parameters),
  }
}

const getTokens = async (parameters: Readonly<Record<string, string>>): Promise<Tokens> => {
  const { token_endpoint } = await metadata()
  const { status, body } = await ask(token_endpoint, asClient(parameters))
  if (status === 200) return body as Tokens
  const { error, error_description } = body as Readonly<Record<string, string>>
  throw new Problem(`The platform gave no token: ${error_description ?? ''} (${error ?? status})`)
}

/**
 * The claims of an ID token that came straight from the token endpoint: over TLS that stands for checking its signature (OpenID Connect Core
 * 1.0 §3.1.3.7, step 6). An ID token that comes any other way must have its signature checked.
 */
const readIdToken = (token: string, nonce: string): Readonly<Record<string, unknown>> => {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
  const isMeant = claims['iss'] === ISSUER && claims['aud'] === CLIENT_ID && claims['nonce'] === nonce
  if (!isMeant || Number(claims['exp']) * 1000 < Date.now()) throw new Problem('The ID token is not for this visit.')
  return claims
}

const decode = (part = ''): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>

type Jwk = Readonly<Record<string, string>>

const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** Whose session has ended. Anybody can send us a form, so the token's signature is checked (OpenID Connect Back-Channel Logout 1.0 §2.6). */
const readLogoutToken = async (token: string): Promise<{ readonly sub: unknown; readonly sid: unknown }> => {
  const [head, body, signature = ''] = token.split('.')
  const { keys } = (await ask((await metadata()).jwks_uri)).body as { readonly keys: readonly Jwk[] }
  try {
    const { alg, typ, kid } = decode(head)
    const claims = decode(body)
    const jwk = keys.find((key) => key['kid'] === kid)
    const isGenuine =
      jwk !== undefined &&
      alg === 'RS256' &&
      typ === 'logout+jwt' &&
      verify(
        'sha256',
        Buffer.from(`${head}.${body}`),
        createPublicKey({ key: jwk, format: 'jwk' }),
        Buffer.from(signature, 'base64url'),
      )
    const isMeant = claims['iss'] === ISSUER && claims['aud'] === CLIENT_ID && Number(claims['exp']) * 1000 > Date.now()
    const isLogout = Object.hasOwn(claims['events'] ?? {}, LOGOUT_EVENT) && !('nonce' in claims)
    if (isGenuine && isMeant && isLogout) return { sub: claims['sub'], sid: claims['sid'] }
  } catch {
    // It is no token.
  }
  throw new Problem('That is no logout token of the platform.')
}

// ── Visitors ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** One way to the platform and back. */
type Journey = { readonly verifier: string; readonly nonce: string }
type Connection = {
  readonly name: string
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly scope: string
  readonly refreshed: number
  /** Says at sign-out whose session it is. */
  readonly idToken: string
  readonly sub: unknown
  readonly sid: unknown
}
/** A real site keeps this in its database: the tokens are as good as what they open, so encrypted. Never the person's password. */
type Visitor = {
  /** By `state`: a visitor may have two tabs open. */
  readonly journeys: Map<string, Journey>
  connection: Connection | undefined
  news: string | undefined
}

const visitors = new Map<string, Visitor>()
const COOKIE = `third_party_site_${PORT}`
const MOST_JOURNEYS = 20
const random = (): string => randomBytes(32).toString('base64url')

const findVisitor = (request: IncomingMessage): Visitor | undefined => {
  const [, id = ''] = new RegExp(`(?:^|; )${COOKIE}=([^;]*)`).exec(request.headers.cookie ?? '') ?? []
  return visitors.get(id)
}

// ── Pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

type Answer = { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }

const escape = (text: unknown): string =>
  String(text).replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`)

const STYLE = `
  :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
  body { max-width: 42rem; margin: 0 auto; padding: 1.5rem }
  .problem, .news { border-inline-start: .3rem solid; padding: .5rem 1rem; margin: 1rem 0 }
  .problem { border-color: #c62828 } .news { border-color: #2e7d32 }
  a.button, button { font: inherit; display: inline-block; padding: .5rem 1rem; border: 1px solid; border-radius: .4rem;
    background: none; color: inherit; text-decoration: none; cursor: pointer }
  .actions { display: flex; flex-wrap: wrap; gap: .75rem }
  table { border-collapse: collapse; width: 100% } td, th { text-align: start; padding: .25rem .5rem; border-bottom: 1px solid #8886 }
  code { overflow-wrap: anywhere }`

const page = (status: number, title: string, content: string): Answer => ({
  status,
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      // A form of ours may end at the platform: a browser would otherwise stop there, and say nothing.
      `default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self' ${new URL(ISSUER).origin}; frame-ancestors 'none'; base-uri 'none'`,
    'cache-control': 'no-store',
    // The address of the callback holds the code: it is nobody else's business.
    'referrer-policy': 'same-origin',
  },
  body: `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escape(title)} · Campaign Weather</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"><style>${STYLE}</style></head>
<body><main><h1>${escape(title)}</h1>${content}</main></body></html>`,
})

const problemPage = (status: number, words: string): Answer =>
  page(
    status,
    'That did not work',
    `<div class="problem" role="alert">${escape(words)}</div><p class="actions"><a class="button" href="/">Back to the start</a></p>`,
  )

const home = (location = '/'): Answer => ({ status: 303, headers: { location } })
const button = (action: string, words: string): string =>
  `<form method="post" action="${action}"><button type="submit">${words}</button></form>`

type Organizations = {
  readonly data: readonly { readonly id: number; readonly name: string }[]
  readonly meta: { readonly total_count: number }
}

const listOrganizations = async ({ accessToken, scope }: Connection): Promise<string> => {
  const { status, body } = await ask(`${API}api/v3.0/organizations?page_limit=20`, {
    headers: { authorization: `Bearer ${accessToken}`, accept: 'application/json' },
  })
  if (status === 401) {
    return '<div class="problem" role="alert">The platform does not take our token any more: it has expired, or you ended our access. Refresh it, or connect anew.</div>'
  }
  if (status !== 200) {
    return `<div class="problem" role="alert">The platform shows us no organizations (${status}). We were allowed: <code>${escape(scope)}</code></div>`
  }
  const { data, meta } = body as Organizations
  const rows = data.map(({ id, name }) => `<tr><td>${escape(id)}</td><td>${escape(name)}</td></tr>`).join('')
  return `<p>We can see ${escape(meta.total_count)} of your organizations${meta.total_count > data.length ? `; these are the first ${data.length}` : ''}.</p>
<table><thead><tr><th scope="col">Id</th><th scope="col">Name</th></tr></thead><tbody>${rows}</tbody></table>`
}

// ── What visitors do ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const start = async (visitor: Visitor | undefined): Promise<Answer> => {
  const news = visitor?.news === undefined ? '' : `<div class="news" role="status">${escape(visitor.news)}</div>`
  if (visitor !== undefined) visitor.news = undefined
  const connection = visitor?.connection
  if (connection === undefined) {
    return page(
      200,
      'Campaign Weather',
      `${news}<p>An invented site of a third party. Connect your platform account, and it shows the organizations that you let it see. It never learns your password.</p>
<p class="actions"><a class="button" href="/connect">Connect</a></p>`,
    )
  }
  const { name, scope, refreshToken, refreshed } = connection
  return page(
    200,
    `Hello, ${name}`,
    `${news}<p>You allowed: <code>${escape(scope)}</code></p>
${await listOrganizations(connection)}
<p>The access token was refreshed ${refreshed === 1 ? 'once' : `${refreshed} times`}.</p>
<div class="actions">${refreshToken === undefined ? '' : button('/refresh', 'Refresh the token')}${button('/disconnect', 'Disconnect')}${button('/sign-out', 'Sign out')}<a class="button" href="/connect">Connect anew</a><a class="button" href="${escape(new URL('account', ISSUER))}">Your account at the platform</a></div>`,
  )
}

/** Step 2 of the platform's guide: direct the person's browser to `/authorize`. */
const connect = async (visitor: Visitor | undefined): Promise<Answer> => {
  const { authorization_endpoint } = await metadata()
  let headers = {}
  let travelling = visitor
  if (travelling === undefined) {
    const id = random()
    travelling = { journeys: new Map(), connection: undefined, news: undefined }
    visitors.set(id, travelling)
    // Lax: the cookie comes along when the platform sends the browser back.
    headers = { 'set-cookie': `${COOKIE}=${id}; Path=/; HttpOnly; SameSite=Lax` }
  }
  const [state, verifier, nonce] = [random(), random(), random()] as const
  travelling.journeys.set(state, { verifier, nonce })
  for (const old of [...travelling.journeys.keys()].slice(0, -MOST_JOURNEYS)) travelling.journeys.delete(old)
  const url = new URL(authorization_endpoint)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    scope: SCOPE,
    // Comes back as it is: whoever sends a visitor to our callback without having begun here is refused.
    state,
    // Is in the ID token: one of another visit is not taken.
    nonce,
    // Whoever steals the code cannot exchange it without the verifier (RFC 7636).
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString()
  return { status: 303, headers: { ...headers, location: url.href } }
}

const WORDS: Readonly<Record<string, string>> = {
  access_denied: 'You did not allow it, so nothing is connected.',
  login_required: 'You are not signed in at the platform.',
  temporarily_unavailable: 'The platform is busy. Try again in a moment.',
}

/** Step 3: the code has come; exchange it. */
const callback = async (query: URLSearchParams, visitor: Visitor | undefined): Promise<Answer> => {
  const journey = visitor?.journeys.get(query.get('state') ?? '')
  if (visitor === undefined || journey === undefined) {
    return problemPage(400, 'This answer belongs to no visit that began here. Begin anew with “Connect”.')
  }
  visitor.journeys.delete(query.get('state') ?? '')
  // Each platform says who it is, so that the code of one is never sent to another (RFC 9207).
  if (query.get('iss') !== ISSUER) return problemPage(400, 'This answer is not from the platform.')
  const error = query.get('error')
  if (error !== null) {
    return problemPage(400, WORDS[error] ?? `The platform says: ${query.get('error_description') ?? ''} (${error})`)
  }
  const tokens = await getTokens({
    grant_type: 'authorization_code',
    code: query.get('code') ?? '',
    redirect_uri: REDIRECT_URI,
    code_verifier: journey.verifier,
  })
  const claims = readIdToken(tokens.id_token ?? '', journey.nonce)
  visitor.connection = {
    name: String(claims['name'] ?? 'somebody'),
    accessToken: tokens.access_token,
    // None if the person did not allow access while away.
    refreshToken: tokens.refresh_token,
    scope: tokens.scope,
    refreshed: 0,
    idToken: tokens.id_token ?? '',
    sub: claims['sub'],
    sid: claims['sid'],
  }
  visitor.news = 'Connected.'
  return home()
}

const refresh = async (visitor: Visitor | undefined): Promise<Answer> => {
  const connection = visitor?.connection
  if (visitor === undefined || connection?.refreshToken === undefined) return home()
  const tokens = await getTokens({ grant_type: 'refresh_token', refresh_token: connection.refreshToken })
  visitor.connection = {
    ...connection,
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token ?? connection.refreshToken,
    scope: tokens.scope,
    refreshed: connection.refreshed + 1,
  }
  visitor.news = 'There is a new access token.'
  return home()
}

/** Gives back what the site has. What the person allowed stays remembered at the platform; they end that on their account page there. */
const disconnect = async (visitor: Visitor | undefined): Promise<Answer> => {
  const connection = visitor?.connection
  if (visitor === undefined || connection === undefined) return home()
  const { revocation_endpoint } = await metadata()
  await ask(revocation_endpoint, asClient({ token: connection.refreshToken ?? connection.accessToken }))
  visitor.connection = undefined
  visitor.news = 'Disconnected: our tokens are worth nothing now.'
  return home()
}

/**
 * Forgets the visitor and signs them out of the platform in this browser too. What they let us do while they are away, the platform would go on
 * letting us do: a site that wants that as little as this one gives its tokens back first.
 */
const signOut = async (visitor: Visitor | undefined): Promise<Answer> => {
  const connection = visitor?.connection
  if (visitor === undefined || connection === undefined) return home()
  const { end_session_endpoint } = await metadata()
  await disconnect(visitor)
  visitor.news = 'You are signed out, here and at the platform.'
  const url = new URL(end_session_endpoint)
  url.search = new URLSearchParams({ id_token_hint: connection.idToken, post_logout_redirect_uri: HOME }).toString()
  return home(url.href)
}

/** The platform tells us that somebody has signed out there: by the session, or all of them. No browser is there, so no cookie is. */
const backchannelLogout = async (form: URLSearchParams): Promise<Answer> => {
  let ended
  try {
    ended = await readLogoutToken(form.get('logout_token') ?? '')
  } catch {
    return { status: 400, headers: { 'cache-control': 'no-store' } }
  }
  for (const visitor of visitors.values()) {
    const { connection } = visitor
    if (connection?.sub !== ended.sub || (ended.sid !== undefined && connection?.sid !== ended.sid)) continue
    visitor.connection = undefined
    visitor.news = 'You were signed out, because you signed out at the platform.'
  }
  return { status: 200, headers: { 'cache-control': 'no-store' } }
}

const MOST_BODY = 16_384

const readForm = async (request: IncomingMessage): Promise<URLSearchParams> => {
  let text = ''
  for await (const part of request.setEncoding('utf8') as AsyncIterable<string>) {
    text += part
    if (text.length > MOST_BODY) throw new Problem('That is too long.')
  }
  return new URLSearchParams(text)
}

const answer = async (request: IncomingMessage): Promise<Answer> => {
  const url = new URL(request.url ?? '/', REDIRECT_URI)
  const visitor = findVisitor(request)
  // A form of another site in our visitor's name.
  const { origin = url.origin } = request.headers
  if (request.method === 'POST' && origin !== url.origin) return problemPage(403, 'This came from another site.')
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /':
      return start(visitor)
    case 'GET /connect':
      return connect(visitor)
    case 'GET /callback':
      return callback(url.searchParams, visitor)
    case 'POST /refresh':
      return refresh(visitor)
    case 'POST /disconnect':
      return disconnect(visitor)
    case 'POST /sign-out':
      return signOut(visitor)
    case 'POST /backchannel-logout':
      return backchannelLogout(await readForm(request))
    default:
      return problemPage(404, 'There is nothing here.')
  }
}

const server = createServer((request, response) => {
  const respond = ({ status, headers = {}, body = '' }: Answer): void => {
    response.writeHead(status, headers).end(body)
  }
  answer(request).then(respond, (error: unknown) => {
    if (!(error instanceof Problem)) console.error(error)
    respond(problemPage(502, error instanceof Problem ? error.message : 'This is a defect of ours.'))
  })
})
server.on('error', (error: NodeJS.ErrnoException) => {
  console.error(error.code === 'EADDRINUSE' ? `port ${PORT} is in use` : error)
  process.exit(1)
})
// This machine alone.
server.listen(PORT, 'localhost', () => console.log(`ready http://localhost:${PORT}/`))
