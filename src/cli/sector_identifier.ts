import { RefusedError } from '#cli/failures.ts'
import { OutboundError, type Outbound } from '#outbound/outbound.ts'
import { findUrisOutsideSector } from '#protocol/sector_identifier.ts'
import type { ClientPolicy } from '#stores/records.ts'

/**
 * Asks for the document at the sector identifier URI, if the client has one: it must list all redirect URIs, or a client could join the sector
 * of somebody else and learn whom they know.
 * @throws {RefusedError}
 * @see OpenID Connect Dynamic Client Registration 1.0 §5
 */
export const refuseForeignSector = async (
  { sectorIdentifierUri, redirectUris }: Pick<ClientPolicy, 'sectorIdentifierUri' | 'redirectUris'>,
  outbound: Pick<Outbound, 'getJson'>,
): Promise<void> => {
  if (sectorIdentifierUri === undefined) return
  const refuse = (defect: string) => new RefusedError(`--sector-identifier-uri: ${defect}`)
  const outside = findUrisOutsideSector(await getDocument(sectorIdentifierUri, outbound, refuse), redirectUris)
  if (outside === undefined) throw refuse('the document there is not a JSON array of redirect URIs.')
  if (outside.length > 0) throw refuse(`the document there does not list ${outside.join(', ')}.`)
}

const getDocument = async (
  url: string,
  outbound: Pick<Outbound, 'getJson'>,
  refuse: (defect: string) => RefusedError,
): Promise<unknown> => {
  try {
    return await outbound.getJson(url)
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    // Whoever runs this command may know why.
    const reason = error.cause instanceof Error ? ` (${error.cause.message})` : ''
    throw refuse(`the document there could not be read${reason}. outbound.allow admits hosts that are not public.`)
  }
}
