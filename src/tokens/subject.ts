import { encodeBytes } from '#base/base62.ts'
import type { IdPermutation } from '#base/id_permutation.ts'
import { hmac, type Key } from '#base/secrets.ts'
import { sectorIdentifierOf } from '#protocol/sector_identifier.ts'
import type { Account, Client } from '#stores/records.ts'

/** Under which names a client knows a person and their browser. All that a client is told uses these, and nothing else does. */
export type Subjects = {
  /**
   * The `sub` of the account. To a client with pairwise subjects it is one that only clients of its sector share, and that leads back to the account
   * for nobody without the key.
   * @see OpenID Connect Core 1.0 §8
   */
  readonly subjectFor: (client: Pick<Client, 'policy'>, account: Pick<Account, 'id'>) => string
  /** The `sid` of a browser session, which would tell two sectors as much as a shared `sub` does. */
  readonly sidFor: (client: Pick<Client, 'policy'>, browserSessionId: number) => string
}

export type SubjectTools = {
  /** Before the `|` of a public subject. */
  readonly prefix: string
  readonly browserSessionIds: IdPermutation
  /** For pairwise subjects alone. With another one, everybody is a stranger to every pairwise client. */
  readonly pairwiseKey: Key
}

export const isPairwise = ({ policy }: Pick<Client, 'policy'>): boolean => policy.subjectType === 'pairwise'

export const createSubjects = ({ prefix, browserSessionIds, pairwiseKey }: SubjectTools): Subjects => {
  const pairwise = (kind: 'sub' | 'sid', { policy }: Pick<Client, 'policy'>, id: number): string => {
    const number = Buffer.alloc(8)
    number.writeBigUInt64BE(BigInt(id))
    // Neither a kind nor a host has U+0000, so no two inputs are one.
    return encodeBytes(hmac(pairwiseKey, `${kind}\0${sectorIdentifierOf(policy)}\0`, number))
  }
  return {
    subjectFor: (client, { id }) => (isPairwise(client) ? pairwise('sub', client, id) : `${prefix}|${id}`),
    sidFor: (client, id) => (isPairwise(client) ? pairwise('sid', client, id) : browserSessionIds.show(id)),
  }
}
