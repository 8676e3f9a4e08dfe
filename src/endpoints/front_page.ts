import { textReply, type Endpoint } from '#http/message.ts'

/** `/`: for a person who types the address. */
export const frontPageEndpoint = (name: string, issuer: string, apiUrl: string): Endpoint => {
  const reply = textReply(
    200,
    `${name}

Authorization server   ${issuer}
Token endpoint         ${issuer}oauth/token
Metadata               ${issuer}.well-known/openid-configuration
Signing keys           ${issuer}.well-known/jwks.json
API                    ${apiUrl}api/v3.0/ and ${apiUrl}api/v2.0/
`,
    { 'cache-control': 'public, max-age=300' },
  )
  return () => reply
}
