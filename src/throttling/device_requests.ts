import { digestOf } from '#base/secrets.ts'
import { seconds, type Seconds } from '#base/time.ts'
import type { AttemptStore, Bucket } from '#stores/store.ts'
import { networkOf } from '#throttling/attempts.ts'

export type DeviceRequestSettings = {
  /** Devices of one address, and of one client, that may wait for a person. */
  readonly ofAddress: number
  readonly ofClient: number
  /** How long one may wait. */
  readonly lifetime: Seconds
}

/**
 * Bounds how many device codes wait for a person: whoever asks for them without end leaves no more rows than that. Takes one, or says how
 * long to wait. None is given back: that a code was decided quickly earns its address nothing.
 */
export type DeviceRequests = (of: {
  readonly clientId: string
  readonly address: string
}) => Promise<{ readonly admitted: true } | { readonly admitted: false; readonly retryAfter: Seconds }>

export const createDeviceRequests = (store: AttemptStore, settings: DeviceRequestSettings): DeviceRequests => {
  // Half of them at once, and the other half in the time that the first ones live: never more than all of them are alive.
  const bucket = (key: string, most: number): Bucket => {
    const burst = Math.ceil(most / 2)
    const later = most - burst
    return { key: digestOf(key), burst, refill: seconds(Math.ceil(settings.lifetime / Math.max(1, later))) }
  }
  return ({ clientId, address }) => {
    const network = networkOf(address)
    return store.reserve({
      pair: bucket(`device codes pair ${clientId} ${network}`, settings.ofAddress),
      subject: bucket(`device codes client ${clientId}`, settings.ofClient),
      address: bucket(`device codes address ${network}`, settings.ofAddress),
    })
  }
}
