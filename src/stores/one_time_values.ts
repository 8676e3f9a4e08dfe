import type { Digest } from '#base/secrets.ts'
import type { OneTimeKind } from '#stores/store.ts'

/** The key of the row: the kind keeps namespaces apart, and one column names the row to the sweep. */
export const oneTimeKey = (kind: OneTimeKind, digest: Digest): Buffer =>
  Buffer.concat([Buffer.from(`${kind}\0`), digest])
