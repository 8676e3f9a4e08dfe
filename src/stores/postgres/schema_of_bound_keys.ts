import type { Migration } from '#stores/migrations.ts'
import { OWNERS_OF_CODE_ARE_LIVE, SHARE_AUTHORIZATIONS } from '#stores/postgres/locks.ts'
import { IS_UNSPENT } from '#stores/postgres/schema_of_grants.ts'

/** Both functions are those of the step before, with the key. */
export const BOUND_KEYS: Migration = {
  id: 8,
  name: 'keys that codes and authorizations are bound to',
  statements: [
    `alter table authorization_codes add column dpop_jkt text`,
    `alter table authorizations add column dpop_jkt text`,

    `drop function issue_code(bigint, bigint, text, text, text, text, bytea, text, text, text, text, text, bigint, text)`,
    `create function issue_code(
       offset_ms bigint, by_session bigint, for_client text, for_audience text, for_scope text, for_organizations text,
       new_salt bytea, new_redirect_uri text, new_challenge text, new_nonce text, new_claims text, for_decision text,
       new_dpop_jkt text, lifetime bigint, consent text
     ) returns setof authorization_codes rows 1 language plpgsql as $$
     declare
       decided_by browser_sessions;
       decided bigint;
       moment bigint;
     begin
       ${SHARE_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       select * into decided_by from browser_sessions
         where id = by_session and expires_at > moment
           and exists (select 1 from accounts where accounts.id = browser_sessions.account_id and accounts.disabled_at is null)
           and exists (select 1 from clients where clients.id = for_client and clients.disabled_at is null);
       if decided_by.id is null then return; end if;
       if consent = 'remembered' then
         select id into decided from grants
           where account_id = decided_by.account_id and client_id = for_client and audience = for_audience
             and string_to_array(for_decision, ' ') <@ string_to_array(scope, ' ')
             and (organizations = '"all"' or for_organizations::jsonb <@ organizations::jsonb);
         if decided is null then return; end if;
       else
         insert into grants as old (account_id, client_id, audience, scope, organizations, created_at, updated_at)
           values (decided_by.account_id, for_client, for_audience, joined_scope('', for_decision), for_organizations, moment, moment)
           on conflict (account_id, client_id, audience) do update
             set scope = joined_scope(case when consent = 'add' then old.scope else '' end, for_decision),
               organizations = excluded.organizations, updated_at = moment
           returning id into decided;
       end if;
       return query insert into authorization_codes (account_id, client_id, grant_id, browser_session_id, audience, scope, organizations,
           salt, redirect_uri, code_challenge, nonce, claims, dpop_jkt, authenticated_at, methods, created_at, expires_at, forget_at)
         values (decided_by.account_id, for_client, decided, by_session, for_audience, for_scope, for_organizations,
           new_salt, new_redirect_uri, new_challenge, new_nonce, new_claims, new_dpop_jkt, decided_by.authenticated_at, decided_by.methods, moment,
           moment + lifetime, moment + lifetime)
         returning *;
     end $$`,

    `drop function spend_code(bigint, bigint, text, boolean, bytea, bigint, bigint, bigint)`,
    `create function spend_code(
       offset_ms bigint, spent bigint, for_client text, for_offline boolean, new_salt bytea,
       proved_jkt text, idle bigint, absolute bigint, kept_for bigint,
       out outcome text, out code authorization_codes, out brought authorizations, out holder accounts, out replay_of bigint
     ) language plpgsql as $$
     declare
       moment bigint;
     begin
       ${SHARE_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       update authorization_codes set spent_at = moment, forget_at = expires_at + kept_for
         where id = spent and client_id = for_client and ${IS_UNSPENT} and expires_at > moment and ${OWNERS_OF_CODE_ARE_LIVE}
         returning * into code;
       if not found then
         select authorization_id into replay_of from authorization_codes
           where id = spent and client_id = for_client and spent_at is not null and forget_at > moment;
         outcome := case when found then 'replayed' else 'gone' end;
         return;
       end if;
       outcome := 'spent';
       insert into authorizations (account_id, client_id, grant_type, grant_id, audience, scope, organizations, claims, offline, salt, generation,
           authenticated_at, created_at, last_used_at, expires_at, absolute_expires_at, browser_session_id, dpop_jkt)
         values (code.account_id, code.client_id, 'authorization_code', code.grant_id, code.audience, code.scope, code.organizations,
          code.claims, for_offline, new_salt, 0, code.authenticated_at, moment, moment, moment + least(idle, absolute), moment + absolute,
           code.browser_session_id, proved_jkt)
         returning * into brought;
       update authorization_codes set authorization_id = brought.id where id = spent;
       select * into holder from accounts where id = code.account_id;
     end $$`,
  ],
}
