import type { Provider } from '../provider.ts'
import { walkAuthorizationRequests } from './authorization_requests.ts'
import { walkClientAssertions } from './client_assertions.ts'
import { walkFlows } from './flows.ts'
import { makeFapi2Party } from './party.ts'
import { walkProofs } from './proofs.ts'
import { walkPushedRequests } from './pushed_requests.ts'
import { walkTokenRequests } from './token_requests.ts'

/** Makes a test of each module: for OpenID Connect with userinfo as the resource, and for plain OAuth with the platform API. */
export const walkFapi2Plan = async (provider: Provider, variant: 'openid_connect' | 'plain_oauth'): Promise<void> => {
  const isOpenId = variant === 'openid_connect'
  const scope = isOpenId ? 'openid' : 'read:entities'
  const resource = isOpenId ? provider.metadata.userinfo_endpoint : `${provider.metadata.issuer}api/v3.0/organizations`
  const plan = {
    ...{ provider, isOpenId, scope },
    party: await makeFapi2Party(provider, scope, resource),
    second: await makeFapi2Party(provider, scope, resource, '?dummy1=lorem&dummy2=ipsum'),
    named: (module: string) => `fapi2-security-profile-final-${module} [openid=${variant}]`,
  }
  walkFlows(plan)
  walkAuthorizationRequests(plan)
  walkPushedRequests(plan)
  await walkClientAssertions(plan, resource)
  walkTokenRequests(plan)
  walkProofs(plan)
}
