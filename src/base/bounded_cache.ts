/** A map that never holds more than `limit` entries: the one used longest ago makes room (a `Map` keeps insertion order). */
export type BoundedCache<K, V> = {
  readonly find: (key: K) => V | undefined
  readonly set: (key: K, value: V) => void
  readonly delete: (key: K) => void
}

export const createBoundedCache = <K, V extends object>(limit: number): BoundedCache<K, V> => {
  const entries = new Map<K, V>()
  return {
    find: (key) => {
      const value = entries.get(key)
      if (value === undefined) return undefined
      entries.delete(key)
      entries.set(key, value)
      return value
    },
    set: (key, value) => {
      entries.delete(key)
      if (entries.size >= limit) entries.delete(entries.keys().next().value as K)
      entries.set(key, value)
    },
    delete: (key) => void entries.delete(key),
  }
}
