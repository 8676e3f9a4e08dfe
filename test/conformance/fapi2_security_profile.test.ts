import { file } from '../attacks/attacking.ts'
import { walkFapi2Plan } from './fapi2_plan/walk.ts'
import { startProvider } from './provider.ts'

// fapi2-security-profile-final-test-plan: private_key_jwt, DPoP, unsigned requests, plain responses; with OpenID Connect and as plain OAuth.

const provider = await startProvider(file)
await walkFapi2Plan(provider, 'openid_connect')
await walkFapi2Plan(provider, 'plain_oauth')
