import { findDelay } from '#backchannel_logout/back_off.ts'
import type { Log } from '#base/log.ts'
import { OutboundError, type Outbound } from '#outbound/outbound.ts'
import type { LogoutDelivery } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'
import type { MakeLogoutToken } from '#tokens/logout_token.ts'

export type DeliveryTools = {
  readonly store: Pick<Store, 'accounts' | 'clients' | 'logoutDeliveries'>
  readonly makeLogoutToken: MakeLogoutToken
  readonly outbound: Pick<Outbound, 'postForm'>
  readonly log: Log
}

/** Tells one client of one sign-out, and writes down what came of it. Each outcome is audited; it throws only if the store does. */
export type Deliver = (delivery: LogoutDelivery) => Promise<void>

/** @see OpenID Connect Back-Channel Logout 1.0 §2.5, §2.8 */
export const createDelivery =
  (tools: DeliveryTools): Deliver =>
  async (delivery) => {
    const { id, clientId, accountId, browserSessionId, attempt } = delivery
    const { clients, accounts, logoutDeliveries } = tools.store
    const audit = (event: string, more: Readonly<Record<string, unknown>> = {}): void =>
      tools.log.audit(event, { client: clientId, account: accountId, delivery: id, attempt, ...more })
    const [client, account] = await Promise.all([clients.find(clientId), accounts.find(accountId)])
    const uri = client?.policy.backchannelLogoutUri
    if (client === undefined || client.disabledAt !== undefined || uri === undefined || account === undefined) {
      await logoutDeliveries.finish(id)
      return audit('logout_token_dropped')
    }
    const token = await tools.makeLogoutToken(client, account, browserSessionId)
    const status = await send(uri, token, tools)
    // 200, or what some frameworks make of an empty one; 400 says that the same again would be refused again.
    if (status === 200 || status === 204) {
      await logoutDeliveries.finish(id)
      return audit('logout_token_delivered')
    }
    if (status === 400) {
      await logoutDeliveries.finish(id)
      return audit('logout_token_refused', { status })
    }
    const delay = findDelay(delivery, Math.random())
    if (delay === undefined) {
      await logoutDeliveries.finish(id)
      return audit('logout_token_given_up', { status })
    }
    await logoutDeliveries.postpone(delivery, delay)
    audit('logout_token_postponed', { status, again_in: delay })
  }

/** @returns the status; `undefined` if nothing was answered that can be read */
const send = async (uri: string, token: string, { outbound }: DeliveryTools): Promise<number | undefined> => {
  try {
    return (await outbound.postForm(uri, { logout_token: token })).status
  } catch (error) {
    if (error instanceof OutboundError) return undefined
    throw error
  }
}
