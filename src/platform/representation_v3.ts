import type { EntityView, Page } from '#platform/entities.ts'
import type { PlatformError } from '#platform/errors.ts'
import { jsonValue } from '#platform/json_v2.ts'
import type { Representation } from '#platform/representation_v2.ts'

/** Everything that v3.0 says. */
export type DocumentV3 =
  | { readonly kind: 'page'; readonly page: Page }
  | { readonly kind: 'entity'; readonly entity: EntityView }
  | { readonly kind: 'error'; readonly error: PlatformError }

type Json = Readonly<Record<string, unknown>>

const entityJson = ({ type, id, name, properties, related }: EntityView): Json => ({
  id,
  name,
  entity_type: type,
  ...Object.fromEntries([...properties].map(([property, value]) => [property, jsonValue(value)])),
  ...Object.fromEntries(related.map((each) => [each.type, entityJson(each)])),
})

const documentJson = (document: DocumentV3): unknown => {
  switch (document.kind) {
    case 'page': {
      const { entities, offset, total } = document.page
      return {
        data: entities.map(entityJson),
        meta: { count: entities.length, total_count: total, offset, status: 'success' },
      }
    }
    case 'entity':
      return { data: entityJson(document.entity), meta: { status: 'success' } }
    case 'error': {
      const { code, message, details } = document.error
      const wrong = details.fields ?? [{ message }]
      return { errors: wrong.map((each) => ({ code, ...each })), meta: { status: 'error' } }
    }
  }
}

/** JSON, whatever `Accept` says. */
export const representV3 = (document: DocumentV3): Representation => ({
  contentType: 'application/json',
  body: JSON.stringify(documentJson(document)),
})
