import { file } from '../attacks/attacking.ts'
import { walkBasicPlan } from './basic_plan/walk.ts'
import { startProvider } from './provider.ts'

// oidcc-basic-certification-test-plan with static clients and server metadata by discovery (OpenID Connect Core 1.0).

await walkBasicPlan(await startProvider(file), 'query')
