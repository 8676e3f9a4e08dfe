import type { Migration } from '#stores/migrations.ts'

export const ENTITY_BRANCHES: Migration = {
  id: 4,
  name: 'agencies and advertisers, saves and their history',
  statements: [
    `alter table entities add column agency_id bigint`,
    `alter table entities add column advertiser_id bigint`,
    `create index entities_by_agency on entities (type, agency_id, id)`,
    `create index entities_by_advertiser on entities (type, advertiser_id, id)`,
    // Counting a hundred thousand rows for each page would cost more than the page.
    `create table entity_types (type text primary key, entities bigint not null, last_id bigint not null)`,
    `insert into entity_types select type, count(*), max(id) from entities group by type`,
    // Once for each statement: whoever adds many takes the lock of the row once.
    `create function count_entities() returns trigger language plpgsql as $$
     begin
       insert into entity_types as counted (type, entities, last_id)
         select type, count(*), max(id) from added group by type order by type
         on conflict (type) do update
           set entities = counted.entities + excluded.entities, last_id = greatest(counted.last_id, excluded.last_id);
       return null;
     end $$`,
    `create trigger entities_counted after insert on entities referencing new table as added
       for each statement execute function count_entities()`,
    `create table entity_changes (
       id bigint generated always as identity primary key, type text not null, entity_id bigint not null, version bigint not null,
       account_id bigint not null, client_id text not null, at bigint not null, changes text not null, forget_at bigint not null
     )`,
    `create index entity_changes_by_entity on entity_changes (type, entity_id, id)`,
    `create index entity_changes_by_expiry on entity_changes (forget_at)`,
  ],
}
