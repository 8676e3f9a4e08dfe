import { InvalidArgumentError } from 'commander'
import { UsageError } from '#cli/failures.ts'
import type { Config } from '#config.ts'
import type { Permission } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'

// What an option names must be there: a typing error is told now, not when the first sign-in is refused.

/** @throws {UsageError} naming what would be right */
export const refuseUnknown = (option: string, given: readonly string[], known: readonly string[]): void => {
  const unknown = given.filter((each) => !known.includes(each))
  if (unknown.length === 0) return
  throw new UsageError(
    `${option}: there is no ${unknown.join(', ')}. Expected ${known.length === 0 ? 'none' : known.join(', ')}.`,
  )
}

export const refuseUnknownRealm = (option: string, realm: string, { platform }: Config): void =>
  refuseUnknown(option, [realm], platform.realms)

export const refuseUnknownOrganizations = async (
  option: string,
  ids: readonly number[],
  { entities }: Store,
): Promise<void> => {
  for (const id of ids) {
    if ((await entities.find('organization', id, { kind: 'all', within: 'all' })) !== undefined) continue
    throw new UsageError(`${option}: there is no organization ${id}.`)
  }
}

export const refuseUnknownAccounts = async (
  option: string,
  ids: readonly number[],
  { accounts }: Store,
): Promise<void> => {
  for (const id of ids) {
    if ((await accounts.find(id)) !== undefined) continue
    throw new UsageError(`${option}: there is no account ${id}. \`postern users list\` lists them.`)
  }
}

export const parseOrganization = (text: string): Permission => {
  const [, id, access] = /^([1-9]\d{0,15}):([rw])$/.exec(text) ?? []
  if (id === undefined || !Number.isSafeInteger(Number(id))) {
    throw new InvalidArgumentError('Expected the id of an organization with :r or :w, such as 100000:r.')
  }
  return { entityType: 'organization', entityId: Number(id), access: access === 'w' ? 'w' : 'r' }
}
