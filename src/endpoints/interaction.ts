import { findSealed, seal } from '#base/seal.ts'
import type { Key } from '#base/secrets.ts'
import type { LogoutRequest } from '#protocol/logout_request.ts'
import { later, minutes, type Clock, type EpochSeconds } from '#base/time.ts'
import type { AccountNotice } from '#pages/account.ts'

/**
 * What a page is about, carried in its own form: sealed, so that nobody reads or changes it, and no row is written for whoever looks at
 * a page. It proves nothing about who sends it back.
 */
export type Interaction =
  /** An authorization request on its way. */
  | {
      readonly kind: 'authorization'
      /** As it came, form-encoded. */
      readonly query: string
      /** The browser session of the sign-in that it asked for; 0 until then. Any other is older, or was begun for something else. */
      readonly newSession: number
    }
  /** The consent page of that request, as this session was shown it. */
  | { readonly kind: 'consent'; readonly query: string; readonly sessionId: number }
  /** A person's way to the device whose code they have entered. */
  | {
      readonly kind: 'device'
      readonly userCode: string
      /** The browser session of the sign-in on the way; 0 until then. */
      readonly newSession: number
    }
  /** The consent page of that device, as this session was shown it. */
  | { readonly kind: 'device_consent'; readonly id: number; readonly userCode: string; readonly sessionId: number }
  /** A person's way to their account page, and their forms there. */
  | { readonly kind: 'account'; readonly sessionId: number }
  /** What the account page says first: what this session has just done. */
  | { readonly kind: 'notice'; readonly sessionId: number; readonly notice: AccountNotice }
  /** A request to be signed out that came by form, on its way. */
  | { readonly kind: 'logout'; readonly asked: LogoutRequest }
  /** The page that asks whether to sign out, as this session was shown it. */
  | { readonly kind: 'sign_out'; readonly asked: LogoutRequest; readonly sessionId: number }

type Find = <Kind extends Interaction['kind']>(
  kind: Kind,
  sealed: string | undefined,
) => Extract<Interaction, { kind: Kind }> | undefined

export type Interactions = {
  readonly seal: (interaction: Interaction) => string
  /** `undefined` if it is not ours, was changed, or is older than an hour. */
  readonly find: Find
  /** One of ours that is older than an hour: enough to show its page anew, and for nothing else. */
  readonly findExpired: Find
}

const CONTEXT = 'interaction'
const LIFETIME = minutes(60)

export const createInteractions = (key: Key, clock: Clock): Interactions => {
  const open = (kind: Interaction['kind'], sealed: string | undefined, isFresh: boolean) => {
    const opened = sealed === undefined ? undefined : findSealed(key, CONTEXT, Buffer.from(sealed, 'base64url'))
    if (opened === undefined) return undefined
    const interaction = JSON.parse(opened.toString()) as Interaction & { readonly until: EpochSeconds }
    return interaction.kind === kind && interaction.until > clock() === isFresh ? interaction : undefined
  }
  return {
    seal: (interaction) => {
      const text = JSON.stringify({ ...interaction, until: later(clock(), LIFETIME) })
      return seal(key, CONTEXT, Buffer.from(text)).toString('base64url')
    },
    find: (kind, sealed) => open(kind, sealed, true) as never,
    findExpired: (kind, sealed) => open(kind, sealed, false) as never,
  }
}
