import { readFileSync } from 'node:fs'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { DEMO } from '#cli/demo_data.ts'
import { makePerson, type Choice, type Person } from '../support/person.ts'
import { startServer, type StartedServer } from './started_server.ts'
import { startTlsFront } from './tls_front.ts'

// The demo behind TLS, for libraries of third parties: this process trusts the test's authority, so that they run as they are.

export const THIRD_PARTY = {
  id: DEMO.thirdPartyId,
  secret: DEMO.thirdPartySecret,
  redirectUri: DEMO.thirdPartyCallback,
} as const
export const SINGLE_PAGE = { id: DEMO.spaId, redirectUri: DEMO.spaCallback } as const

export const DEVICE = { id: DEMO.deviceId } as const

/** The organization that the person chooses, one of a hundred. */
export const CHOSEN = 100_007
export const USER_CHOICE: Choice = { username: DEMO.username, password: DEMO.password, organizations: [CHOSEN] }
export const SUBJECT = 'platform|22612'

export type ThirdPartyServer = StartedServer & {
  /** A client that acts for itself, with `client_credentials` and `read:entities`. */
  readonly makeOwnClient: () => Promise<{ readonly id: string; readonly secret: string }>
  /** `https://localhost:port/` */
  readonly issuer: string
  /** A person at a browser that has not been here. */
  readonly makeVisitor: (...more: readonly string[]) => Person
  /** The ids of the organizations that this access token sees, or the status of the refusal. */
  readonly organizationsOf: (accessToken: string) => Promise<readonly number[] | number>
}

/** Starts it, and stops it when the tests of the file are done. */
export const startThirdPartyServer = async (): Promise<ThirdPartyServer> => {
  const front = await startTlsFront()
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(front.authorityFile, 'utf8')])
  const server = await startServer({
    urls: { auth: front.url, api: front.url },
    listen: { trusted_proxies: ['127.0.0.1'] },
  })
  front.forwardTo(server.port)
  const origin = front.url.slice(0, -1)
  return {
    ...server,
    origin,
    issuer: front.url,
    makeOwnClient: async () => {
      const { client_id: id, client_secret: secret } = JSON.parse(
        await server.postern([
          ...['clients', 'create', '--json', '--name', 'Reports', '--grant-type', 'client_credentials'],
          ...['--scope', 'read:entities'],
        ]),
      ) as { client_id: string; client_secret: string }
      return { id, secret }
    },
    makeVisitor: (...more) => makePerson(origin, ...more),
    organizationsOf: async (accessToken) => {
      const response = await fetch(`${origin}/api/v3.0/organizations`, {
        headers: { authorization: `Bearer ${accessToken}` },
      })
      if (response.status !== 200) return response.status
      const { data } = (await response.json()) as { data: readonly { readonly id: number }[] }
      return data.map(({ id }) => id)
    },
  }
}
