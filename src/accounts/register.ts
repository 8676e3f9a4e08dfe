import type { PasswordHashing } from '#base/password_hashing.ts'
import { findPasswordDefect, normalisePassword } from '#accounts/password.ts'
import { findUsernameKey, mixesAlphabets, usernameSkeleton } from '#accounts/username.ts'
import type { Account, NewAccount, Permission } from '#stores/records.ts'
import type { AccountStore } from '#stores/store.ts'

/** What was given cannot be registered; the message says what to change. */
export class RegistrationError extends Error {
  override readonly name = 'RegistrationError'
}

export type AccountRegistration = Pick<NewAccount, 'id' | 'realm' | 'username' | 'abilities' | 'profile'> & {
  readonly password: string
  readonly permissions?: readonly Permission[]
}

/** Gives the hash of a new password. @throws {RegistrationError} if it is too short or too long */
export const hashNewPassword = (hashing: PasswordHashing, password: string): Promise<string> => {
  const defect = findPasswordDefect(password)
  if (defect !== undefined) throw new RegistrationError(defect)
  return hashing.hash(normalisePassword(password))
}

/**
 * Makes an account.
 * @throws {RegistrationError} for a username or password that cannot be one
 * @throws {StoreConflictError} `username` also when another name of the realm looks the same; `account id`
 */
export const registerAccount = async (
  accounts: AccountStore,
  hashing: PasswordHashing,
  { password, permissions = [], ...account }: AccountRegistration,
): Promise<Account> => {
  const usernameKey = findUsernameKey(account.username)
  if (usernameKey === undefined) {
    throw new RegistrationError(
      'a username has no spaces, control characters or look-alike forms, and at most 320 characters',
    )
  }
  if (mixesAlphabets(usernameKey)) {
    throw new RegistrationError(
      'a word of the username mixes letters of two alphabets that look alike, as if to pass for another',
    )
  }
  const passwordHash = await hashNewPassword(hashing, password)
  return accounts.create(
    { ...account, passwordHash, usernameKey, usernameSkeleton: usernameSkeleton(usernameKey) },
    permissions,
  )
}
