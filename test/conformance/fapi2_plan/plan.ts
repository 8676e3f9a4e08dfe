import assert from 'node:assert/strict'
import type { TokenAnswer } from '../../support/running_postern.ts'
import type { Provider } from '../provider.ts'
import type { Answer, Fapi2Party } from './party.ts'

export type Fapi2Plan = {
  readonly provider: Provider
  readonly isOpenId: boolean
  readonly scope: string
  /** Two clients; the redirect URI of the second has a query. */
  readonly party: Fapi2Party
  readonly second: Fapi2Party
  /** The name of a test: the module's. */
  readonly named: (module: string) => string
}

export const assertRefused = (
  { status, body }: Answer | TokenAnswer,
  errors: readonly string[],
  expected = 400,
): void => {
  assert.equal(status, expected, JSON.stringify(body))
  const { error } = body as { readonly error?: unknown }
  assert.ok(errors.includes(String(error)), JSON.stringify(body))
  assert.ok(!('access_token' in body) && !('request_uri' in body))
}

export const accessTokenOf = ({ status, body }: TokenAnswer): string => {
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body.token_type, 'DPoP')
  assert.ok(body.access_token !== undefined)
  return body.access_token
}
