import { visibilityOf } from '#access/visibility.ts'
import type { Asked } from '#endpoints/authorization_request.ts'
import type { Account, Confinement } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'

/** What a person is asked to allow, wherever they are asked. */
export type Wanted = Pick<Asked, 'client' | 'resource' | 'decidable'>

/** What the form of the consent page says. Nothing in it makes what is wanted wider: the boxes only take away. */
export type ConsentChoice = {
  readonly scopes: readonly string[]
  readonly organizations: Confinement
  /** Why this cannot be allowed. */
  readonly problem: 'no_scope' | 'no_organization' | undefined
}

export type ConsentChoiceTools = {
  readonly store: Pick<Store, 'entities' | 'grants'>
  /** The API whose tokens can be confined to organizations. */
  readonly platformAudience: string
}

/** More boxes than a consent page has. */
export const MOST_CONSENT_FIELDS = 5000

export const readConsentChoice = async (
  wanted: Wanted,
  form: ReadonlyMap<string, readonly string[]>,
  account: Account,
  { store, platformAudience }: ConsentChoiceTools,
): Promise<ConsentChoice> => {
  const scopes = chosenScopes(wanted, form.get('scope') ?? [])
  const organizations =
    wanted.resource.audience === platformAudience ? await chosenOrganizations(account, form, store) : 'all'
  const isForNone = organizations !== 'all' && organizations.length === 0
  return {
    scopes,
    organizations,
    problem: scopes.length === 0 ? 'no_scope' : isForNone ? 'no_organization' : undefined,
  }
}

/**
 * Ends what was allowed before where this decision allows less: an older token would go on with what the person has just taken back. It ends
 * before the decision is written, so whatever happens in between, nothing wider is left.
 */
export const endWhatIsWider = async (
  { client, resource }: Wanted,
  account: Account,
  { scopes, organizations }: ConsentChoice,
  { store }: ConsentChoiceTools,
): Promise<void> => {
  const grant = await store.grants.find(account.id, client.id, resource.audience)
  if (grant === undefined) return
  const before = grant.organizations
  const isConfinedMore =
    organizations !== 'all' && (before === 'all' || before.some((id) => !organizations.includes(id)))
  if (isConfinedMore || grant.scopes.some((scope) => !scopes.includes(scope))) {
    await store.grants.end(account.id, client.id)
  }
}

/** Those that stayed switched on, and those that cannot be switched off: who signs in, and what the client cannot work without. */
const chosenScopes = ({ decidable, client }: Wanted, switchedOn: readonly string[]): readonly string[] =>
  decidable.filter(
    (scope) => scope === 'openid' || client.policy.requiredScopes?.[scope] !== undefined || switchedOn.includes(scope),
  )

/** Of the organizations that were chosen, those that the person sees: an id that was written into the form is none. */
const chosenOrganizations = async (
  account: Account,
  form: ReadonlyMap<string, readonly string[]>,
  { entities }: Pick<Store, 'entities'>,
): Promise<Confinement> => {
  if (form.get('organizations')?.[0] === 'all') return 'all'
  const ids = new Set((form.get('organization') ?? []).filter((text) => /^[1-9]\d{0,14}$/.test(text)).map(Number))
  if (ids.size === 0) return []
  const visibility = visibilityOf(account, [...ids])
  const { entities: seen } = await entities.list('organization', visibility, {
    limit: ids.size,
    offset: 0,
    sort: { field: 'id', descending: false },
  })
  return seen.map(({ id }) => id)
}
