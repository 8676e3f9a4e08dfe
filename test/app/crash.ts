import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '#stores/open.ts'
import { httpClient, NoAnswerError, type Answer, type HttpClient, type Question } from './http_client.ts'
import { addClient, addPerson, cheapHash, type TestClient } from './people.ts'
import { startServerProcess, type ServerProcess } from './server_process.ts'

// Kills a whole server under load, over and over, and holds each next life to everything that the lives before it answered. What was
// answered is what counts: an answer is believed when its last byte has been read.

const IN_FLIGHT = 25
/** Those who are busy in one life; the next life has a few others, so that each lives through a dozen kills. */
const PEOPLE_AT_A_TIME = 24
const NEW_PEOPLE = 2
/** Wrong passwords at one account that are looked at, in all lives together. */
export const GUESSES = 30
/** A server is killed in the midst of its work, after so many answers at most. */
const MOST_ANSWERS = 200
/** Of one question that is answered with 503. */
const MOST_TRIES = 10
const SCOPE = 'offline_access openid read:entities'

/** Somebody with an account, and all that was answered to them. */
type Person = {
  readonly id: number
  readonly username: string
  password: string
  /** The password of a change that was asked for and neither answered nor looked into yet. */
  nextPassword: string | undefined
  refreshToken: string | undefined
  accessToken: string | undefined
  /** The session of their authorization, and that of their sign-in. */
  readonly sessions: { bridge: string | undefined; login: string | undefined }
  /** Sessions of a logout that was asked for and not answered. */
  readonly inDoubt: Set<string>
  readonly ended: { readonly refreshTokens: Set<string>; readonly sessions: Set<string> }
  /** Who is being asked for now: many questions that end nothing, or one that does. */
  busy: number
  isTaken: boolean
}

type SessionKind = keyof Person['sessions']

export type CrashDatabase = {
  /** As in the configuration. */
  readonly database: string
  readonly query: (sql: string) => Promise<readonly unknown[]>
  /** Resolves when nothing is under way any more that a killed process has asked for. */
  readonly settled: () => Promise<void>
}

type Counts = Record<
  | 'signIns'
  | 'refreshes'
  | 'bridges'
  | 'logins'
  | 'logouts'
  | 'changes'
  | 'guesses'
  | 'ended'
  | 'lost'
  | 'doubts'
  | 'unavailable',
  number
>

export const crash = async (rounds: number, { database, query, settled }: CrashDatabase) => {
  const masterKey = randomBytes(32).toString('hex')
  const counts: Counts = {
    signIns: 0,
    refreshes: 0,
    bridges: 0,
    logins: 0,
    logouts: 0,
    changes: 0,
    guesses: 0,
    ended: 0,
    lost: 0,
    doubts: 0,
    unavailable: 0,
  }
  const world = await makeWorld(database, rounds)
  const options = {
    database,
    masterKey,
    noted: [world.guesser.id, '"reason":"wrong password"'],
    config: {
      throttling: {
        account_burst: GUESSES,
        account_total_burst: 10_000,
        address_burst: 100_000,
        // What a test takes out of a bucket is not back before its end.
        account_refill: '300 d',
        account_total_refill: '300 d',
        address_refill: '1 d',
      },
    },
  }
  const standby = [startServerProcess(), startServerProcess()]
  let evaluated = 0
  let livesWithGuesses = 0
  let jwks: string | undefined
  try {
    for (let round = 1; round <= rounds + 1; round++) {
      const server = standby.shift()!
      const port = await server.start(options)
      standby.push(startServerProcess())
      await settled()
      const http = httpClient(port, IN_FLIGHT)
      const life = livingWith(insisting(http, counts), server, world, counts)
      try {
        const keys = (await http.ask({ path: '/.well-known/jwks.json' })).text
        assert.equal(keys, (jwks ??= keys), 'the signing keys have changed')
        const isLast = round > rounds
        const from = round * NEW_PEOPLE
        const people = isLast ? world.people : world.people.slice(from, from + PEOPLE_AT_A_TIME)
        await life.inspect(people, isLast)
        if (round === 1) await life.guessRightly(200)
        if (isLast) {
          while (counts.guesses < GUESSES) await life.guess()
          // Were a single guess of all lives forgotten, this would be looked at, and taken.
          await life.guessRightly(400)
        } else {
          await life.storm(people, 1 + Math.floor(Math.random() * MOST_ANSWERS))
        }
      } finally {
        await server.kill()
        http.close()
      }
      evaluated += server.noted.length
      if (server.noted.length > 0) livesWithGuesses++
    }
    assert.ok(evaluated <= GUESSES, `${evaluated} wrong passwords were looked at`)
    await refuseDoubles(query)
  } finally {
    await Promise.all(standby.map((each) => each.kill()))
  }
  return { ...counts, evaluated, livesWithGuesses }
}

type World = {
  readonly client: TestClient
  /** Who guesses does it with a client of their own, by which the log is searched. */
  readonly guesser: TestClient
  readonly guessed: string
  readonly people: readonly Person[]
}

const RIGHT = 'the right password'

const makeWorld = async (database: string, rounds: number): Promise<World> => {
  const store = await openStore(database)
  try {
    const names = Array.from(
      { length: (rounds + 1) * NEW_PEOPLE + PEOPLE_AT_A_TIME },
      (_, n) => `person${n}@example.com`,
    )
    const people = names.map(async (username): Promise<Person> => {
      const password = `first password of ${username}`
      const { id } = await addPerson(store, username, password)
      return {
        id,
        username,
        password,
        nextPassword: undefined,
        refreshToken: undefined,
        accessToken: undefined,
        sessions: { bridge: undefined, login: undefined },
        inDoubt: new Set(),
        ended: { refreshTokens: new Set(), sessions: new Set() },
        busy: 0,
        isTaken: false,
      }
    })
    const guessed = 'guessed@example.com'
    await addPerson(store, guessed, RIGHT)
    return {
      client: await addClient(store, 'crash'),
      guesser: await addClient(store, 'guesser'),
      guessed,
      people: await Promise.all(people),
    }
  } finally {
    await store.close()
  }
}

const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(Math.random() * from.length)]

/**
 * Asks again what was answered with 503. Nothing is known after that, and everything that is asked here may be asked twice. It happens on a
 * machine that is so busy that PostgreSQL takes seconds to let somebody in.
 */
const insisting = (http: HttpClient, counts: Counts): Pick<HttpClient, 'ask' | 'token'> => {
  const ask = async (question: Question): Promise<Answer> => {
    for (let tries = 1; ; tries++) {
      const answer = await http.ask(question)
      if (answer.status !== 503 || tries === MOST_TRIES) return answer
      counts.unavailable++
      await sleep(50 * tries)
    }
  }
  return { ask, token: (form) => ask({ path: '/oauth/token', form }) }
}

/** Everything that is asked of one server from its start to its end. */
const livingWith = (http: ReturnType<typeof insisting>, server: ServerProcess, world: World, counts: Counts) => {
  const { client, guesser, guessed } = world
  const credentials = { client_id: client.id, client_secret: client.secret }

  const askSignIn = (username: string, password: string, by = client): Promise<Answer> =>
    http.token({
      grant_type: 'password',
      client_id: by.id,
      client_secret: by.secret,
      username,
      password,
      scope: SCOPE,
    })
  const askRefresh = (token: string): Promise<Answer> =>
    http.token({ grant_type: 'refresh_token', ...credentials, refresh_token: token })
  const askSession = (session: string): Promise<Answer> => http.ask({ path: '/api/v2.0/session', session })

  const expect = (answer: Answer, status: number, what: string): void =>
    assert.equal(answer.status, status, `${what}: ${answer.status} ${answer.text}`)
  const expectDead = (answer: Answer, what: string): void => {
    expect(answer, 400, what)
    assert.equal(answer.body.error, 'invalid_grant', what)
  }

  const learnTokens = (person: Person, { body }: Answer): void => {
    const { refresh_token: token, access_token: accessToken } = body
    assert.ok(token !== undefined && accessToken !== undefined)
    assert.ok(!person.ended.refreshTokens.has(token), 'an ended refresh token was handed out again')
    assert.equal(token, (person.refreshToken ??= token), `${person.username} has two refresh tokens`)
    person.accessToken = accessToken
  }

  const learnSession = (person: Person, kind: SessionKind, answer: Answer): void => {
    const id = answer.body.data!.session!.sessionid
    assert.equal(answer.body.data!.id, person.id)
    assert.ok(!person.ended.sessions.has(id), 'an ended session was handed out again')
    const known = person.sessions[kind]
    if (known !== undefined && known !== id) {
      // A new one is handed out only after the old one was logged out.
      assert.ok(person.inDoubt.delete(known), `${person.username} has two sessions (${kind})`)
      person.ended.sessions.add(known)
    }
    person.sessions[kind] = id
  }

  // What ends nothing: many at once, for one person too.

  const signIn = async (person: Person): Promise<void> => {
    const answer = await askSignIn(person.username, person.password)
    expect(answer, 200, 'a sign-in')
    learnTokens(person, answer)
    counts.signIns++
  }
  const refresh = async (person: Person): Promise<void> => {
    if (person.refreshToken === undefined) return signIn(person)
    const answer = await askRefresh(person.refreshToken)
    expect(answer, 200, 'a refresh')
    person.accessToken = answer.body.access_token
    counts.refreshes++
  }
  const bridge = async (person: Person): Promise<void> => {
    if (person.accessToken === undefined) return signIn(person)
    const answer = await http.ask({ path: '/api/v2.0/session', bearer: person.accessToken })
    expect(answer, 200, 'a bridge')
    learnSession(person, 'bridge', answer)
    counts.bridges++
  }
  const login = async (person: Person): Promise<void> => {
    const form = { user: person.username, password: person.password, api_key: client.id }
    const answer = await http.ask({ path: '/api/v2.0/login', form })
    expect(answer, 200, 'a login')
    learnSession(person, 'login', answer)
    counts.logins++
  }
  const useSession = async (person: Person): Promise<void> => {
    for (const session of Object.values(person.sessions)) {
      if (session === undefined || person.inDoubt.has(session)) continue
      const answer = await askSession(session)
      expect(answer, 200, 'a session that was handed out')
      assert.equal(answer.body.data!.session!.sessionid, session)
    }
  }
  const tryToken = async (token: string): Promise<void> => {
    expectDead(await askRefresh(token), 'a refresh token from before a change of password')
    counts.ended++
  }
  const trySession = async (session: string): Promise<void> => {
    expect(await askSession(session), 401, 'a session that has been ended')
    counts.ended++
  }
  /** Those that have been ended last: all of them are tried at the end. */
  const tryEnded = async ({ ended }: Person): Promise<void> => {
    for (const token of [...ended.refreshTokens].slice(-1)) await tryToken(token)
    for (const session of [...ended.sessions].slice(-2)) await trySession(session)
  }

  // What ends something, while others ask for it. Their answers may be from before or from after; only what they were given is noted.

  const logout = async (person: Person): Promise<void> => {
    const kind = pick<SessionKind>(['bridge', 'login'])!
    const session = person.sessions[kind]
    if (session === undefined) return
    person.inDoubt.add(session)
    const others = kind === 'bridge' ? [bridge(person), bridge(person)] : [login(person)]
    const [answer, ...rest] = await Promise.allSettled([
      http.ask({ path: '/api/v2.0/logout', session }),
      askSession(session),
      ...others,
    ])
    if (answer.status === 'fulfilled') {
      expect(answer.value, 200, 'a logout')
      counts.logouts++
      person.inDoubt.delete(session)
      person.ended.sessions.add(session)
      if (person.sessions[kind] === session) person.sessions[kind] = undefined
    }
    for (const each of [answer, ...rest]) if (each.status === 'rejected') throw each.reason
  }

  const endAll = (person: Person): void => {
    const { refreshToken, sessions, ended } = person
    if (refreshToken !== undefined) ended.refreshTokens.add(refreshToken)
    for (const session of [...Object.values(sessions), ...person.inDoubt])
      if (session !== undefined) ended.sessions.add(session)
    person.refreshToken = person.accessToken = undefined
    sessions.bridge = sessions.login = undefined
    person.inDoubt.clear()
    person.password = person.nextPassword!
    person.nextPassword = undefined
  }

  const changePassword = async (person: Person): Promise<void> => {
    person.nextPassword = `password ${randomBytes(6).toString('hex')} of ${person.username}`
    const { refreshToken, accessToken } = person
    const [changed, ...rest] = await Promise.allSettled([
      server.order({ kind: 'set password', accountId: person.id, hash: cheapHash(person.nextPassword) }),
      askSignIn(person.username, person.password),
      refreshToken === undefined ? undefined : askRefresh(refreshToken),
      accessToken === undefined ? undefined : http.ask({ path: '/api/v2.0/session', bearer: accessToken }),
    ])
    for (const each of rest) {
      if (each.status === 'rejected' || each.value?.status !== 200) continue
      const { refresh_token: token, data } = each.value.body
      if (token !== undefined) learnTokens(person, each.value)
      if (data !== undefined) learnSession(person, 'bridge', each.value)
    }
    if (changed.status === 'fulfilled') {
      assert.equal(changed.value, true)
      counts.changes++
      endAll(person)
    }
    for (const each of [changed, ...rest]) if (each.status === 'rejected') throw each.reason
  }

  const guess = async (): Promise<void> => {
    expectDead(await askSignIn(guessed, 'a wrong password', guesser), 'a wrong password')
    counts.guesses++
  }

  /** What the kill has left open is looked into: a change happened whole or not at all. */
  const settle = async (person: Person): Promise<void> => {
    if (person.nextPassword !== undefined) {
      counts.doubts++
      const answer = await askSignIn(person.username, person.nextPassword)
      if (answer.status === 200) {
        endAll(person)
        learnTokens(person, answer)
      } else {
        expectDead(answer, 'a password that was not changed')
        person.nextPassword = undefined
      }
    }
    for (const session of [...person.inDoubt]) {
      counts.doubts++
      const answer = await askSession(session)
      person.inDoubt.delete(session)
      if (answer.status === 200) continue
      expect(answer, 401, 'a session in doubt')
      person.ended.sessions.add(session)
      for (const kind of ['bridge', 'login'] as const)
        if (person.sessions[kind] === session) person.sessions[kind] = undefined
    }
  }

  const inspectOne = async (person: Person, isLast: boolean): Promise<void> => {
    await settle(person)
    await useSession(person)
    if (person.refreshToken !== undefined) await refresh(person)
    await tryEnded(person)
    if (!isLast) return
    await signIn(person)
    await bridge(person)
    await login(person)
    for (const token of person.ended.refreshTokens) await tryToken(token)
    for (const session of person.ended.sessions) await trySession(session)
  }

  const CALM = [signIn, signIn, refresh, refresh, bridge, bridge, login, login, useSession, tryEnded]
  const ENDING = [logout, logout, changePassword]

  const askSomething = async (people: readonly Person[]): Promise<void> => {
    const isEnding = Math.random() < 0.12
    const free = people.filter((each) => !each.isTaken && (!isEnding || each.busy === 0))
    const person = pick(free)
    if (person === undefined) return void (await sleep(1))
    person.busy++
    person.isTaken = isEnding
    try {
      await pick(isEnding ? ENDING : CALM)!(person)
    } finally {
      person.busy--
      if (isEnding) person.isTaken = false
    }
  }

  return {
    guess,
    guessRightly: async (status: number): Promise<void> =>
      expect(await askSignIn(guessed, RIGHT, guesser), status, 'the right password'),
    inspect: async (people: readonly Person[], isLast: boolean): Promise<void> => {
      const left = [...people]
      const worker = async () => {
        for (let person = left.pop(); person !== undefined; person = left.pop()) await inspectOne(person, isLast)
      }
      await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
    },
    /** Kills the server after so many answers. */
    storm: async (people: readonly Person[], answers: number): Promise<void> => {
      let left = answers
      let killed: Promise<void> | undefined
      const worker = async (n: number): Promise<void> => {
        try {
          if (n < 2) await guess()
          while (killed === undefined) {
            await askSomething(people)
            if (--left === 0) killed = server.kill()
          }
        } catch (error) {
          if (killed === undefined || !(error instanceof NoAnswerError)) throw error
          counts.lost++
        }
      }
      await Promise.all(Array.from({ length: IN_FLIGHT }, (_, n) => worker(n)))
      await killed
    },
  }
}

const refuseDoubles = async (query: CrashDatabase['query']): Promise<void> => {
  const doubles = {
    authorizations: `select account_id from authorizations where ended_at is null
      group by account_id, client_id, audience, scope, offline having count(*) > 1`,
    'bridged sessions': `select authorization_id from platform_sessions where authorization_id is not null
      group by authorization_id having count(*) > 1`,
    'sessions of sign-ins': `select account_id from platform_sessions where authorization_id is null
      group by account_id, client_id having count(*) > 1`,
    'sessions of an ended authorization': `select platform_sessions.id from platform_sessions join authorizations
      on authorizations.id = platform_sessions.authorization_id where ended_at is not null`,
    'signing keys': 'select algorithm from signing_keys group by algorithm having count(*) > 1',
  }
  for (const [what, sql] of Object.entries(doubles)) assert.deepEqual(await query(sql), [], `double: ${what}`)
}
