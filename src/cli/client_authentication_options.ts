import { InvalidArgumentError } from 'commander'
import { readFileSync } from 'node:fs'
import { UsageError } from '#cli/failures.ts'
import { findJwksDefect } from '#clients/client_keys.ts'
import type { AssertionAlgorithm } from '#protocol/client_assertion.ts'
import { CLIENT_SECRET_ALGORITHM } from '#protocol/client_assertion.ts'
import { findOutboundUrlDefect } from '#outbound/allow_list.ts'
import type { AuthenticationMethodOfClient, ClientPolicy } from '#stores/records.ts'

/** What `clients create` was told about how the client proves that it is the one. */
export type AuthenticationOptions = {
  readonly public?: boolean
  readonly authMethod?: Exclude<AuthenticationMethodOfClient, 'none'>
  readonly authAlg?: AssertionAlgorithm
  readonly jwks?: NonNullable<ClientPolicy['jwks']>
  readonly jwksUri?: string
  readonly profile?: NonNullable<ClientPolicy['profile']>
}

export type AuthenticationPolicy = Pick<
  ClientPolicy,
  'tokenEndpointAuthMethod' | 'tokenEndpointAuthSigningAlgorithm' | 'jwks' | 'jwksUri'
>

/** @throws {UsageError} if the options contradict each other */
export const authenticationOf = (options: AuthenticationOptions): AuthenticationPolicy => {
  const { authMethod, authAlg, jwks, jwksUri } = options
  const isFapi2 = options.profile === 'fapi2'
  const hasKeys = jwks !== undefined || jwksUri !== undefined
  if (options.public === true) {
    for (const [name, value] of Object.entries({
      '--auth-method': authMethod,
      '--jwks': jwks,
      '--jwks-uri': jwksUri,
    })) {
      if (value !== undefined) throw new UsageError(`${name}: a client with --public proves nothing; leave it out.`)
    }
    if (isFapi2) throw new UsageError('--profile: such a client is confidential; leave out --public.')
    return { tokenEndpointAuthMethod: 'none' }
  }
  const method = authMethod ?? (hasKeys || isFapi2 ? 'private_key_jwt' : 'client_secret')
  if (isFapi2 && method !== 'private_key_jwt') {
    throw new UsageError('--auth-method: a client with --profile fapi2 authenticates by private_key_jwt.')
  }
  const isSigning = method === 'private_key_jwt'
  if (isSigning && (jwks === undefined) === (jwksUri === undefined)) {
    throw new UsageError('--jwks, --jwks-uri: a client that authenticates by private_key_jwt needs one of the two.')
  }
  if (hasKeys && !isSigning) throw new UsageError('--jwks, --jwks-uri: only with --auth-method private_key_jwt.')
  if (authAlg !== undefined) refuseAlgorithm(authAlg, method, isFapi2)
  return {
    tokenEndpointAuthMethod: method,
    ...(authAlg === undefined ? {} : { tokenEndpointAuthSigningAlgorithm: authAlg }),
    ...(jwks === undefined ? {} : { jwks }),
    ...(jwksUri === undefined ? {} : { jwksUri }),
  }
}

const refuseAlgorithm = (algorithm: AssertionAlgorithm, method: AuthenticationMethodOfClient, isFapi2: boolean) => {
  if (method === 'client_secret') throw new UsageError('--auth-alg: only for a client that authenticates by assertion.')
  if ((algorithm === CLIENT_SECRET_ALGORITHM) !== (method === 'client_secret_jwt')) {
    throw new UsageError(`--auth-alg: ${algorithm} is not for ${method}.`)
  }
  if (isFapi2 && algorithm === 'RS256') {
    throw new UsageError('--auth-alg: a client with --profile fapi2 signs with PS256, ES256 or EdDSA.')
  }
}

/** A JWK Set as a file. */
export const parseJwksFile = (file: string): NonNullable<ClientPolicy['jwks']> => {
  let jwks: unknown
  try {
    jwks = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new InvalidArgumentError(`The file cannot be read as JSON: ${(error as Error).message}`)
  }
  const defect = findJwksDefect(jwks)
  if (defect !== undefined) throw new InvalidArgumentError(`The file holds no JWK Set that can be used: ${defect}.`)
  return jwks as NonNullable<ClientPolicy['jwks']>
}

export const parseOutboundUrl = (text: string): string => {
  const defect = findOutboundUrlDefect(text)
  if (defect === undefined) return text
  throw new InvalidArgumentError(`${defect[0]!.toUpperCase()}${defect.slice(1)}.`)
}
