import type { PasswordHashing } from '#base/password_hashing.ts'
import type { Seconds } from '#base/time.ts'
import type { VerifiedSecrets } from '#base/verified_secrets.ts'
import { normalisePassword } from '#accounts/password.ts'
import { findUsernameKey } from '#accounts/username.ts'
import type { Account } from '#stores/records.ts'
import type { AccountStore } from '#stores/store.ts'
import type { Attempts } from '#throttling/attempts.ts'

export type PasswordSignIn = {
  readonly realm: string
  readonly username: string
  readonly password: string
  /** Where it comes from, for throttling. */
  readonly address: string
  /** Whether this account may sign in here at all; asked of a right password too, so that nobody learns that it was right. */
  readonly admits?: (account: Account) => Promise<boolean>
}

/** `reason` and `accountId` are for the audit log alone: the caller learns only that it was refused. */
export type SignInOutcome =
  | { readonly outcome: 'signed_in'; readonly account: Account }
  | {
      readonly outcome: 'refused'
      readonly reason: string
      /** Whose password was tried; `undefined` if there is no such account, or it was not looked for. */
      readonly accountId: number | undefined
    }
  | { readonly outcome: 'blocked'; readonly retryAfter: Seconds }

/**
 * Signs an account in with its password. An unknown account, a disabled one and a wrong password cost the same time and have one answer.
 * @throws {OverloadedError} if too many wait for a password hash
 */
export type SignIn = (asked: PasswordSignIn) => Promise<SignInOutcome>

export type SignInTools = {
  readonly accounts: AccountStore
  readonly attempts: Attempts
  readonly hashing: PasswordHashing
  readonly verified: VerifiedSecrets
}

export const createSignIn =
  ({ accounts, attempts, hashing, verified }: SignInTools): SignIn =>
  async ({ realm, username, password, address, admits }) => {
    const key = findUsernameKey(username)
    // What cannot be a username is tried all the same, under its own name, so that it is answered at the same pace.
    const subject = `account ${JSON.stringify([realm, key ?? username])}`
    let reason = 'wrong password'
    let accountId: number | undefined

    const findDefect = async (account: Account | undefined, isRight: boolean): Promise<string | undefined> => {
      if (account === undefined) return 'no such account'
      if (!isRight) return 'wrong password'
      if (account.disabledAt !== undefined) return 'the account is disabled'
      return admits === undefined || (await admits(account)) ? undefined : 'the client may not sign this account in'
    }

    const check = async (): Promise<Account | undefined> => {
      const account = key === undefined ? undefined : await accounts.findByUsername(realm, key)
      accountId = account?.id
      const given = normalisePassword(password)
      const wasVerified = account !== undefined && verified.isVerified(given, account.passwordHash)
      const isRight = wasVerified || (await hashing.verify(given, account?.passwordHash))
      const defect = await findDefect(account, isRight)
      if (account === undefined || defect !== undefined) {
        // A refusal without a hash would tell by its speed that the password is right.
        if (wasVerified) await hashing.verify(given, undefined)
        reason = defect ?? reason
        return undefined
      }
      verified.remember(given, account.passwordHash)
      return account
    }

    const attempt = await attempts.at({ subject, address }, check)
    switch (attempt.outcome) {
      case 'succeeded':
        return { outcome: 'signed_in', account: attempt.value }
      case 'failed':
        return {
          outcome: 'refused',
          reason: attempt.wasThrottled ? 'too many attempts at this account' : reason,
          accountId,
        }
      case 'blocked':
        return attempt
    }
  }
