import type { PostgresDatabase } from '#stores/postgres/database.ts'
import {
  ACCOUNT_COLUMNS,
  AUTHORIZATION_COLUMNS,
  CODE_COLUMNS,
  accountFromRow,
  authorizationFromRow,
  claimsText,
  codeFromRow,
  confinementText,
  isRowId,
  isStorable,
  scopeText,
} from '#stores/rows.ts'
import type { AuthorizationCodeStore, SpentCode } from '#stores/store.ts'
import { SPENT_CODES_KEPT } from '#stores/tables.ts'

export const postgresAuthorizationCodes = (database: PostgresDatabase): AuthorizationCodeStore => {
  // Grants are locked, and inserted, in the order of what makes them unique. The account of a browser session never changes.
  const issue = database.group({
    name: 'issue_code',
    columns: {
      session_id: 'bigint',
      client_id: 'text',
      audience: 'text',
      scope: 'text',
      organizations: 'text',
      salt: 'bytea',
      redirect_uri: 'text',
      code_challenge: 'text',
      nonce: 'text',
      claims: 'text',
      decided_scope: 'text',
      dpop_jkt: 'text',
      lifetime: 'bigint',
      consent: 'text',
    },
    text: `select sorted.ordinal, ${CODE_COLUMNS}
      from (
        select asked.* from asked
        cross join lateral (select account_id from browser_sessions where id = asked.session_id offset 0) as decided_by
        order by decided_by.account_id, asked.client_id collate "C", asked.audience collate "C", asked.ordinal
      ) as sorted
      cross join lateral issue_code($1, sorted.session_id, sorted.client_id, sorted.audience, sorted.scope, sorted.organizations,
        sorted.salt, sorted.redirect_uri, sorted.code_challenge, sorted.nonce, sorted.claims, sorted.decided_scope,
        sorted.dpop_jkt, sorted.lifetime, sorted.consent) as authorization_codes`,
    abreast: 1,
  })
  const find = database.group({
    name: 'find_code',
    columns: { id: 'bigint' },
    text: `select asked.ordinal, ${CODE_COLUMNS} from asked
      cross join lateral (select * from authorization_codes where authorization_codes.id = asked.id offset 0) as authorization_codes
      where forget_at > (select now from clock)`,
    abreast: 2,
  })
  // Sorting takes the whole group in, so each code has been spent before the first replay ends anything: see `locks.ts`.
  const spend = database.group({
    name: 'spend_code',
    columns: {
      id: 'bigint',
      client_id: 'text',
      offline: 'boolean',
      salt: 'bytea',
      dpop_jkt: 'text',
      idle: 'bigint',
      absolute: 'bigint',
    },
    text: `select done.ordinal, done.outcome, ${CODE_COLUMNS}, ${AUTHORIZATION_COLUMNS}, ${ACCOUNT_COLUMNS}
      from (
        select sorted.ordinal, spent.* from (select * from asked order by id, ordinal) as sorted
        cross join lateral spend_code($1, sorted.id, sorted.client_id, sorted.offline, sorted.salt, sorted.dpop_jkt, sorted.idle,
          sorted.absolute, ${SPENT_CODES_KEPT}) as spent
        order by spent.replay_of, sorted.ordinal
      ) as done
      cross join lateral end_authorization($1, done.replay_of) as ended
      cross join lateral (select (done.code).*) as authorization_codes
      cross join lateral (select (done.brought).*) as authorizations
      cross join lateral (select (done.holder).*) as accounts`,
    abreast: 1,
  })

  return {
    issue: async ({
      browserSessionId,
      scopes,
      organizations,
      redirectUri,
      codeChallenge,
      nonce,
      claims,
      dpopJkt,
      ...asked
    }) => {
      if (!isRowId(browserSessionId)) return undefined
      const [row] = await issue({
        session_id: browserSessionId,
        client_id: asked.clientId,
        audience: asked.audience,
        scope: scopeText(scopes),
        organizations: confinementText(organizations),
        salt: asked.salt,
        redirect_uri: redirectUri ?? null,
        code_challenge: codeChallenge ?? null,
        nonce: nonce ?? null,
        claims: claimsText(claims),
        decided_scope: scopeText(asked.decidedScopes),
        dpop_jkt: dpopJkt ?? null,
        lifetime: asked.lifetime,
        consent: asked.consent,
      })
      return row === undefined ? undefined : codeFromRow(row)
    },
    find: async (id) => {
      const [row] = isRowId(id) ? await find({ id }) : []
      return row === undefined ? undefined : codeFromRow(row)
    },
    spend: async ({ id, clientId, offline, salt, dpopJkt, lifetime: { idle, absolute } }) => {
      if (!isRowId(id) || !isStorable(clientId)) return { outcome: 'gone' }
      const [row] = await spend({ id, client_id: clientId, offline, salt, dpop_jkt: dpopJkt ?? null, idle, absolute })
      const outcome = row!['outcome'] as SpentCode['outcome']
      return outcome === 'spent'
        ? {
            outcome,
            authorization: authorizationFromRow(row!),
            account: accountFromRow(row!),
            code: codeFromRow(row!),
          }
        : { outcome }
    },
    ruin: async (id, clientId) => {
      if (!isRowId(id) || !isStorable(clientId)) return
      await database.ask('select ruin_code($1, $2, $3, $4)', [database.clockOffset(), id, clientId, SPENT_CODES_KEPT])
    },
  }
}
