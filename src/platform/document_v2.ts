import type { EntityView, Page } from '#platform/entities.ts'
import type { PlatformError } from '#platform/errors.ts'
import type { SessionView } from '#platform/session_view.ts'

/** Everything that v2.0 says, whatever the format. */
export type DocumentV2 =
  | { readonly kind: 'page'; readonly page: Page; readonly nextPage: string | undefined }
  | { readonly kind: 'entity'; readonly entity: EntityView }
  | { readonly kind: 'session'; readonly session: SessionView }
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly error: PlatformError }

/** One client strips every backslash from JSON before it parses it: a message has nothing that JSON would escape. */
export const plainText = (message: string): string =>
  message.replaceAll(/["\\]/g, "'").replaceAll(/[\p{C}\u2028\u2029]/gu, '?')
