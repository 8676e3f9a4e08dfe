import type { AccessScope, Account, Confinement } from '#stores/records.ts'
import type { Visibility } from '#stores/store.ts'

/** On which entities: all, or those below the organizations on which the user holds a permission. */
export const VISIBLE: Readonly<Record<AccessScope, Visibility['kind']>> = { GLOBAL: 'all', SELECT: 'permissions' }

/** What `account` sees, through a client that is confined to `within`. */
export const visibilityOf = ({ id: accountId, abilities }: Account, within: Confinement): Visibility => {
  const kind = VISIBLE[abilities.scope]
  return kind === 'all' ? { kind, within } : { kind, accountId, within }
}
