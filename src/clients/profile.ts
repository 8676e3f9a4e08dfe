import type { ClientPolicy } from '#stores/records.ts'

/** Whether the client is held to the FAPI 2.0 Security Profile, whatever else its policy says. */
export const isFapi2 = ({ profile }: ClientPolicy): boolean => profile === 'fapi2'
