/** What decides to which sector a client belongs. */
export type SectorMember = {
  readonly redirectUris: readonly string[]
  /** An https URL of a document that lists redirect URIs. It speaks for all of them by its host. */
  readonly sectorIdentifierUri?: string
}

/** Why a client has no sector; `undefined` if it has one. */
export const findSectorDefect = ({ redirectUris, sectorIdentifierUri }: SectorMember): string | undefined => {
  if (sectorIdentifierUri !== undefined) {
    return URL.canParse(sectorIdentifierUri) && new URL(sectorIdentifierUri).protocol === 'https:'
      ? undefined
      : 'a sector identifier URI must be an https URL'
  }
  const hosts = new Set(redirectUris.map((uri) => new URL(uri).hostname))
  if (hosts.size === 1 && !hosts.has('')) return undefined
  return 'without a sector identifier URI, the redirect URIs must have one host, the same for all'
}

/**
 * The sector of a client that has one: clients of one sector see a person under the same pairwise subject, those of another under another.
 * @see OpenID Connect Core 1.0 §8.1: the host component, so without the port
 */
export const sectorIdentifierOf = (member: SectorMember): string => {
  const defect = findSectorDefect(member)
  // Registration refuses such a client. Any sector that was made up here would be one that others share.
  if (defect !== undefined) throw new Error(`the client has no sector: ${defect}`)
  return new URL(member.sectorIdentifierUri ?? member.redirectUris[0]!).hostname
}

/**
 * Which of the redirect URIs the document at a sector identifier URI does not vouch for; `undefined` if it is not an array of texts.
 * @see OpenID Connect Core 1.0 §8.1, OpenID Connect Dynamic Client Registration 1.0 §5
 */
export const findUrisOutsideSector = (
  document: unknown,
  redirectUris: readonly string[],
): readonly string[] | undefined =>
  Array.isArray(document) && document.every((each) => typeof each === 'string')
    ? redirectUris.filter((uri) => !document.includes(uri))
    : undefined
