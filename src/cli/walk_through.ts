import { DEMO } from '#cli/demo_data.ts'
import type { Config } from '#config.ts'

const GRANT = {
  grant_type: 'password',
  username: DEMO.username,
  password: DEMO.password,
}
const CLIENT = { client_id: DEMO.clientId, client_secret: DEMO.clientSecret }

const word = (text: string): string => (/^[\w@.:/=-]+$/.test(text) ? text : `"${text.replace(/["`\\]/g, '\\$&')}"`)

const form = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([name, value]) => ` \\\n  -d ${word(`${name}=${value}`)}`)
    .join('')

/**
 * The lines of the platform's public guide, with the names of this server, ready to paste into a shell. No apostrophe in the comments: where
 * a shell takes them for commands, it would begin a text.
 */
export const walkThrough = ({ urls, platform }: Config): string => {
  const token = `${urls.auth}oauth/token`
  const { audience } = platform
  const bearer = `-H "Authorization: Bearer $TOKEN"`
  const json = `-H 'Accept: application/json'`
  const authorize = new URL('authorize', urls.auth)
  authorize.search = new URLSearchParams({ response_type: 'code', client_id: DEMO.thirdPartyId }).toString()
  const body = JSON.stringify({ ...GRANT, audience, ...CLIENT })
  return `
# The guide, step by step: paste these lines into another terminal
field() { sed -n "s/.*\\"$1\\": *\\"\\([^\\"]*\\)\\".*/\\1/p"; }

# A token with a password, asked for in JSON
curl -s ${token} -H 'Content-Type: application/json' \\
  -d '${body}'

# The same as a form, and kept
TOKEN=$(curl -s ${token}${form({ ...GRANT, audience, ...CLIENT })} | field access_token)

# An API that takes the token
curl -s "${urls.api}api/v3.0/organizations?page_limit=3" ${bearer}

# The session of the token, for APIs that still want it
curl -s ${urls.api}api/v2.0/session -c cookies.txt ${json} ${bearer}

# An API that needs both
curl -s "${urls.api}api/v2.0/campaigns?page_limit=3" -b cookies.txt ${json} ${bearer}

# A refresh token, and what it brings the next day
REFRESH_TOKEN=$(curl -s ${token}${form({ ...GRANT, audience, scope: 'openid offline_access', ...CLIENT })} | field refresh_token)
curl -s ${token}${form({ grant_type: 'refresh_token', refresh_token: '$REFRESH_TOKEN', ...CLIENT })}

# A third party, without the password: open this in a browser, and sign in as ${DEMO.username} with ${DEMO.password}
# ${authorize.href}
# examples/third_party_site is one to click through, and README.md has it step by step. Who has access: ${urls.auth}account
`
}
