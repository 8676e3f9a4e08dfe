import { StoreUnavailableError } from '#stores/store.ts'

export type GroupLimits = {
  /** Items in one statement. */
  readonly items: number
  /** Statements of this kind at a time. */
  readonly abreast: number
  /** Items that may wait. */
  readonly waiting: number
  /** How long one may wait before it is sent. */
  readonly patienceMs: number
}

type Waiting<Item, Answer> = {
  readonly item: Item
  readonly since: number
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/**
 * Makes one statement of what is asked for in one turn of the event loop: the group commit. While statements are under way, what arrives
 * gathers for the next, so that groups grow with the load. If a group fails, its halves are tried, down to the item that is to blame;
 * the others still succeed. (`run` must therefore change nothing when it fails.) If the database cannot be asked, nothing is tried again.
 */
export const grouped = <Item, Answer>(
  run: (items: readonly Item[]) => Promise<readonly Answer[]>,
  limits: GroupLimits,
): ((item: Item) => Promise<Answer>) => {
  let waiting: Waiting<Item, Answer>[] = []
  let underWay = 0
  let isScheduled = false

  const settle = async (group: readonly Waiting<Item, Answer>[]): Promise<void> => {
    try {
      const answers = await run(group.map(({ item }) => item))
      group.forEach(({ resolve }, n) => resolve(answers[n]!))
    } catch (error) {
      if (group.length === 1 || error instanceof StoreUnavailableError) {
        for (const { reject } of group) reject(error)
        return
      }
      const half = group.length >> 1
      await settle(group.slice(0, half))
      await settle(group.slice(half))
    }
  }

  const send = (): void => {
    isScheduled = false
    while (waiting.length > 0 && underWay < limits.abreast) {
      const group = waiting.slice(0, limits.items)
      waiting = waiting.slice(limits.items)
      const latest = performance.now() - limits.patienceMs
      const [patient, late] = [
        group.filter(({ since }) => since >= latest),
        group.filter(({ since }) => since < latest),
      ]
      for (const { reject } of late) reject(new StoreUnavailableError(`waited ${limits.patienceMs} ms for PostgreSQL`))
      if (patient.length === 0) continue
      underWay++
      void settle(patient).finally(() => {
        underWay--
        send()
      })
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= limits.waiting) {
        reject(new StoreUnavailableError('too many wait for PostgreSQL'))
        return
      }
      waiting.push({ item, since: performance.now(), resolve, reject })
      if (isScheduled || underWay >= limits.abreast) return
      isScheduled = true
      setImmediate(send)
    })
}
