import type { ResponseMode } from '../authorization_answer.ts'
import type { Provider } from '../provider.ts'
import { walkAuthorizationRequests } from './authorization_requests.ts'
import { walkClaims } from './claims.ts'
import { walkCodes } from './codes.ts'
import { walkIdTokens } from './id_tokens.ts'
import { walkSignIns } from './sign_ins.ts'

/** Makes a test of each module. */
export const walkBasicPlan = async (provider: Provider, responseMode: ResponseMode): Promise<void> => {
  const plan = { provider, responseMode, party: await provider.register({ responseMode }) }
  walkIdTokens(plan)
  walkClaims(plan)
  walkSignIns(plan)
  walkAuthorizationRequests(plan)
  walkCodes(plan)
}
