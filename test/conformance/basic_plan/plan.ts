import type { Provider } from '../provider.ts'
import type { RelyingParty } from '../relying_party.ts'
import type { ResponseMode } from '../authorization_answer.ts'

/** A plan of the code flow: its modules are the same whichever way the answer comes. */
export type Plan = {
  readonly provider: Provider
  readonly responseMode: ResponseMode
  /** The client that most modules are walked with, by client_secret_basic. */
  readonly party: RelyingParty
}
