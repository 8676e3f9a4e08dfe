// Who locks what, so that no two nodes wait for each other:
// - What ends much at once (a new password, a disabled account or client, ended grants, a sign-out everywhere) holds AUTHORIZATIONS alone; all other changes of grants, codes,
//   authorizations and sessions share it. So the former never meets a half-done one of the latter. A sign-in looks at the account and the client
//   after it has got its share: what it sees there stays so until it commits, and what waits meanwhile ends what it began.
// - Those that share it lock the rows of one table alone, in the order of their ids. Where that cannot be known (a row that is about to be
//   inserted), PostgreSQL may have to break a deadlock, and the statement is tried again.
// - Of several tables the order is device codes, grants (by account, client and audience, which is known before there is a row), codes,
//   authorizations: a statement that spends codes has done so with all of its group before it ends the first authorization of a code that was spent before.
// - One-time values are inserted in the order of their keys, of which none is met twice in a statement.
// - Who takes logout deliveries holds LOGOUT_DELIVERIES; what makes them due only inserts.
// - Attempts touch three keys each in no order, so they take turns.

/** Advisory locks are pairs of integers; the first is ours alone: the bytes `post`. */
const OURS = 0x706f7374
const LOCKS = ['migrations', 'authorizations', 'attempts', 'accounts', 'signing keys', 'logout deliveries'] as const
const lock = (name: (typeof LOCKS)[number]): string => `${OURS}, ${LOCKS.indexOf(name) + 1}`

/** Taken in the transaction that uses it, and let go of by its end. */
export const LOCK_MIGRATIONS = `select pg_advisory_xact_lock(${lock('migrations')})`
export const LOCK_ACCOUNTS = `select pg_advisory_xact_lock(${lock('accounts')})`
export const LOCK_SIGNING_KEYS = `select pg_advisory_xact_lock(${lock('signing keys')})`

export const SHARE_AUTHORIZATIONS = `perform pg_advisory_xact_lock_shared(${lock('authorizations')})`
export const HOLD_AUTHORIZATIONS = `perform pg_advisory_xact_lock(${lock('authorizations')})`
export const HOLD_LOGOUT_DELIVERIES = `perform pg_advisory_xact_lock(${lock('logout deliveries')})`
export const HOLD_ATTEMPTS = `perform pg_advisory_xact_lock(${lock('attempts')})`

/** Those behind an authorization are not disabled. */
export const OWNERS_ARE_LIVE = `exists (select 1 from accounts where accounts.id = authorizations.account_id and accounts.disabled_at is null)
  and exists (select 1 from clients where clients.id = authorizations.client_id and clients.disabled_at is null)`

/** Whether a sign-in may still begin something, see `CheckedAccount`. Only while AUTHORIZATIONS is shared does the answer stay true. */
export const MAY_SIGN_IN = `exists (select 1 from accounts where id = for_account and version = for_version and disabled_at is null)
  and exists (select 1 from clients where id = for_client and disabled_at is null)`

/** As `MAY_SIGN_IN`, for a sign-in that is to no client. */
export const MAY_BEGIN_BROWSER_SESSION = `exists (select 1 from accounts where id = for_account and version = for_version and disabled_at is null)`

/** As `OWNERS_ARE_LIVE`, for a code. */
export const OWNERS_OF_CODE_ARE_LIVE = OWNERS_ARE_LIVE.replaceAll('authorizations.', 'authorization_codes.')

/** What a device code stands for has not ended: the client, and once it is allowed who allowed it, the grant, and the session it was allowed in. */
export const DEVICE_CODE_IS_LIVE = `exists (select 1 from clients where clients.id = device_codes.client_id and clients.disabled_at is null)
  and (state <> 'allowed' or (
    exists (select 1 from accounts where accounts.id = device_codes.account_id and accounts.disabled_at is null)
    and exists (select 1 from grants where grants.id = device_codes.grant_id)
    and exists (select 1 from browser_sessions where browser_sessions.id = device_codes.browser_session_id)
  ))`
