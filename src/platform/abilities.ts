import type { Caller } from '#access/caller.ts'
import { visibilityOf } from '#access/visibility.ts'
import { PlatformError } from '#platform/errors.ts'
import { ROLES, USER_TYPES, type Account, type Flag, type Role, type UserType } from '#stores/records.ts'
import type { Visibility } from '#stores/store.ts'

export type Rule = {
  /** Of the token or session; what its client may not have is gone from it already. */
  readonly scope: string
  readonly roles: readonly Role[]
  readonly types: readonly UserType[]
  readonly flag: Flag | undefined
}

/** Roles that change entities; the others look. */
const EDITORS = ['ADMIN', 'MANAGER'] as const

/**
 * Who may do what at the platform API. A caller may do it if everything in the line holds: the scope was granted to the client, and the
 * user's role, type and flags allow it. A client alone acts for nobody and may do nothing.
 */
export const ABILITIES = {
  'read organizations': { scope: 'read:entities', roles: ROLES, types: USER_TYPES, flag: 'view_organizations' },
  'create organizations': {
    scope: 'write:entities',
    roles: ['ADMIN'],
    types: ['INTERNAL'],
    flag: 'view_organizations',
  },
  'change organizations': { scope: 'write:entities', roles: EDITORS, types: USER_TYPES, flag: 'view_organizations' },
  'read agencies': { scope: 'read:entities', roles: ROLES, types: USER_TYPES, flag: undefined },
  'create agencies': { scope: 'write:entities', roles: EDITORS, types: USER_TYPES, flag: undefined },
  'change agencies': { scope: 'write:entities', roles: EDITORS, types: USER_TYPES, flag: undefined },
  'read advertisers': { scope: 'read:entities', roles: ROLES, types: USER_TYPES, flag: undefined },
  'create advertisers': { scope: 'write:entities', roles: EDITORS, types: USER_TYPES, flag: undefined },
  'change advertisers': { scope: 'write:entities', roles: EDITORS, types: USER_TYPES, flag: undefined },
  'read campaigns': { scope: 'read:entities', roles: ROLES, types: USER_TYPES, flag: undefined },
  'read internal fields': { scope: 'read:entities', roles: ROLES, types: ['INTERNAL'], flag: undefined },
} as const satisfies Readonly<Record<string, Rule>>

export type Ability = keyof typeof ABILITIES

export type Verdict =
  | { readonly may: true; readonly account: Account }
  | { readonly may: false; readonly lacks: 'scope' | 'account' | 'role' | 'type' | 'flag' }

/** Applies one line of the table. */
export const judge = ({ scopes, account }: Pick<Caller, 'scopes' | 'account'>, ability: Ability): Verdict => {
  const rule: Rule = ABILITIES[ability]
  if (!scopes.has(rule.scope)) return { may: false, lacks: 'scope' }
  if (account === undefined) return { may: false, lacks: 'account' }
  const { role, type, flags } = account.abilities
  if (!rule.roles.includes(role)) return { may: false, lacks: 'role' }
  if (!rule.types.includes(type)) return { may: false, lacks: 'type' }
  if (rule.flag !== undefined && !flags.includes(rule.flag)) return { may: false, lacks: 'flag' }
  return { may: true, account }
}

/** What a caller who may read sees. */
export type Sight = { readonly visibility: Visibility; readonly seesInternalFields: boolean }

/** @throws {PlatformError} `insufficient-scope` where another token would help, `permission-denied` where another user would */
export const sightOf = (caller: Pick<Caller, 'scopes' | 'account' | 'organizations'>, ability: Ability): Sight => {
  const verdict = judge(caller, ability)
  if (!verdict.may) throw refusal(verdict.lacks, ABILITIES[ability])
  return {
    visibility: visibilityOf(verdict.account, caller.organizations),
    seesInternalFields: judge(caller, 'read internal fields').may,
  }
}

const refusal = (lacks: (Verdict & { may: false })['lacks'], { scope, flag }: Rule): PlatformError => {
  switch (lacks) {
    case 'scope':
      return new PlatformError('insufficient-scope', `This needs the scope ${scope}`, { scope })
    case 'account':
      return new PlatformError('insufficient-scope', 'A client alone sees no entities: the token must be of a user')
    case 'role':
    case 'type':
      return new PlatformError('permission-denied', `The ${lacks} of this user does not allow this`)
    case 'flag':
      return new PlatformError('permission-denied', `This user lacks the permission ${flag}`)
  }
}
