import { file } from '../attacks/attacking.ts'
import { walkBasicPlan } from './basic_plan/walk.ts'
import { startProvider } from './provider.ts'

// oidcc-formpost-basic-certification-test-plan: the modules of the basic plan, and every answer comes by form (OAuth 2.0 Form Post Response Mode).

await walkBasicPlan(await startProvider(file), 'form_post')
