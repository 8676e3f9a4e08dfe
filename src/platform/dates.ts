import type { EpochSeconds } from '#base/time.ts'

// Each place has a form of its own, and the platform's libraries parse each by a fixed pattern: `Z`, `+00:00` and fractions break them.

/** `2015-08-19T15:05:10`, in UTC: of sessions, and of entities in XML. */
export const bareTime = (at: EpochSeconds): string => new Date(at * 1000).toISOString().slice(0, 19)

/** `2016-11-07T11:53:42+0000`: of everything else in JSON. */
export const timeWithOffset = (at: EpochSeconds): string => `${bareTime(at)}+0000`

/** `2015-08-21 15:55:25.00000+00`: of `called_on` in XML. */
export const spacedTime = (at: EpochSeconds): string => `${bareTime(at).replace('T', ' ')}.00000+00`
