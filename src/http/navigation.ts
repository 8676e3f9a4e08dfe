import type { Request } from '#http/message.ts'

/**
 * What made a browser ask: a person's way to a page in a window of its own, or something else, such as a picture, a frame, a script, or a guess
 * at where they go next. `unknown` if nobody says: an old browser, or none. A browser that says it says where the answer goes, so what names a
 * mode alone is a program.
 * @see Fetch Metadata §2.1 (Sec-Fetch-Dest), §2.2 (Sec-Fetch-Mode), Fetch §2.2.5 (Sec-Purpose)
 */
export const kindOfNavigation = ({ headers }: Pick<Request, 'headers'>): 'top_level' | 'other' | 'unknown' => {
  if (headers['sec-purpose'] !== undefined || headers['purpose'] !== undefined) return 'other'
  const destination = headers['sec-fetch-dest']
  if (destination === undefined) return 'unknown'
  return destination === 'document' && headers['sec-fetch-mode'] === 'navigate' ? 'top_level' : 'other'
}
