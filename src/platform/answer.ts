import type { Admission } from '#access/caller.ts'
import { dpopNonceHeader } from '#http/dpop_header.ts'
import type { Headers, Reply, Request } from '#http/message.ts'
import { formatFor } from '#platform/content_negotiation.ts'
import type { DocumentV2 } from '#platform/document_v2.ts'
import { representV2, type Representation } from '#platform/representation_v2.ts'
import { representV3, type DocumentV3 } from '#platform/representation_v3.ts'
import type { PlatformTools } from '#platform/tools.ts'

/**
 * Every answer is for one caller alone and true at this moment alone: what is revoked or granted a second later must show. So nothing is
 * kept, in a browser or on the way; `Vary` is for caches that keep it all the same.
 */
const HEADERS: Headers = { 'cache-control': 'no-store, private', vary: 'Authorization, Cookie' }
const HEADERS_V2: Headers = { ...HEADERS, vary: 'Accept, Authorization, Cookie' }

const reply = (status: number, { contentType, body }: Representation, headers: Headers): Reply => ({
  status,
  headers: { 'content-type': contentType, ...headers },
  body,
})

/** Answers at v2.0, as XML or JSON as the request wants it. */
export const answerV2 = (
  { clock, mediaType }: Pick<PlatformTools, 'clock' | 'mediaType'>,
  { headers: { accept } }: Pick<Request, 'headers'>,
  status: number,
  document: DocumentV2,
  headers: Headers = {},
): Reply => reply(status, representV2(document, formatFor(accept, mediaType), clock()), { ...HEADERS_V2, ...headers })

/** Answers at v3.0. */
export const answerV3 = (status: number, document: DocumentV3, headers: Headers = {}): Reply =>
  reply(status, representV3(document), { ...HEADERS, ...headers })

/** What the API's gateway has always answered for an API key that is not one, whatever format was asked for. */
export const DEVELOPER_INACTIVE: Reply = {
  status: 403,
  headers: {
    ...HEADERS,
    'content-type': 'text/xml',
    'x-mashery-error-code': 'ERR_403_DEVELOPER_INACTIVE',
    'x-error-detail-header': 'Account Inactive',
  },
  body: '<h1>Developer Inactive</h1>',
}

/** What an admission hands to whoever asked, besides the answer. */
export const handingOut = ({ setCookie, dpopNonce }: Partial<Pick<Admission, 'setCookie' | 'dpopNonce'>>): Headers => ({
  ...(setCookie === undefined ? {} : { 'set-cookie': setCookie }),
  ...dpopNonceHeader(dpopNonce),
})
