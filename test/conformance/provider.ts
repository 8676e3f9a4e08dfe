import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { ConfigFile } from '#config.ts'
import type { Account, ClientPolicy, Profile } from '#stores/records.ts'
import { makePerson, type Choice, type Person } from '../support/person.ts'
import { PASSWORD, startPostern, type RunningPostern } from '../support/running_postern.ts'
import type { ResponseMode } from './authorization_answer.ts'
import { createRelyingParty, discover, type Metadata, type Proof, type RelyingParty } from './relying_party.ts'

// The provider that the plans are walked at: its public URL is where it listens, so that a relying party needs to know the issuer alone.

export type Provider = {
  readonly postern: RunningPostern
  readonly metadata: Metadata
  /** Whoever signs in. */
  readonly account: Account
  readonly choice: Choice
  /** The time at the provider, in seconds since 1970. */
  readonly now: () => number
  /** Moves that time forward. */
  readonly travel: (seconds: number) => void
  /** A person at a browser that has not been here. */
  readonly makeVisitor: () => Person
  readonly register: (registration: ClientRegistration) => Promise<RelyingParty>
}

export type ClientRegistration = {
  readonly responseMode?: ResponseMode
  readonly method?: 'client_secret_basic' | 'client_secret_post'
  readonly policy?: Partial<ClientPolicy>
}

/** Somebody of whom everything is known that OpenID Connect Core 1.0 §5.1 has a name for. */
export const PROFILE: Required<Profile> = {
  name: 'Jane Q. Example',
  given_name: 'Jane',
  family_name: 'Example',
  middle_name: 'Q.',
  nickname: 'jane',
  preferred_username: 'jane',
  profile: 'https://people.example/jane',
  picture: 'https://people.example/jane.png',
  website: 'https://jane.example/',
  email: 'jane@example.com',
  email_verified: true,
  gender: 'female',
  birthdate: '1987-10-16',
  zoneinfo: 'Europe/Berlin',
  locale: 'de-DE',
  phone_number: '+49 30 901820',
  phone_number_verified: true,
  address: { formatted: 'Alexanderplatz 1\n10178 Berlin', street_address: 'Alexanderplatz 1', country: 'DE' },
}

/** Each relying party has a page of its own. */
let registered = 0

export const startProvider = async (t: Pick<TestContext, 'after'>, config: ConfigFile = {}): Promise<Provider> => {
  const port = await findFreePort()
  const issuer = `http://localhost:${port}/`
  const postern = await startPostern(t, {
    config: { ...config, listen: { port }, urls: { auth: issuer, api: issuer } },
  })
  const metadata = await discover(issuer)
  const account = await postern.makeAccount({ profile: PROFILE })
  let ahead = 0
  const now = () => Math.floor(Date.now() / 1000) + ahead
  return {
    postern,
    metadata,
    account,
    choice: { username: account.username, password: PASSWORD },
    now,
    travel: (seconds) => {
      ahead += seconds
      postern.travel(seconds)
    },
    makeVisitor: () => makePerson(new URL(issuer).origin),
    register: async ({ responseMode = 'query', method = 'client_secret_basic', policy = {} }) => {
      const redirectUri = `https://relying-party-${++registered}.example/callback`
      const { client, secret } = await postern.makeClient({
        grantTypes: ['authorization_code', 'refresh_token'],
        scopes: ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'],
        defaultScopes: [],
        party: 'third',
        redirectUris: [redirectUri],
        ...policy,
      })
      assert.ok(secret !== undefined)
      const proof: Proof = { method, secret }
      const { idTokenSigningAlgorithm: idTokenAlgorithm } = client.policy
      const registration = { clientId: client.id, proof, redirectUri, responseMode, idTokenAlgorithm }
      return createRelyingParty(metadata, registration, now)
    },
  }
}

const findFreePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
