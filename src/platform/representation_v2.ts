import type { EpochSeconds } from '#base/time.ts'
import type { Format } from '#platform/content_negotiation.ts'
import type { DocumentV2 } from '#platform/document_v2.ts'
import { jsonOfV2 } from '#platform/json_v2.ts'
import { xmlOfV2 } from '#platform/xml_v2.ts'

export type Representation = { readonly contentType: string; readonly body: string }

/** Clients compare it byte for byte, as they do the JSON media type. */
const XML_TYPE = 'text/xml; charset=UTF-8'

export const representV2 = (document: DocumentV2, format: Format, now: EpochSeconds): Representation =>
  format.kind === 'xml'
    ? { contentType: XML_TYPE, body: xmlOfV2(document, now) }
    : { contentType: format.contentType, body: jsonOfV2(document, now) }
