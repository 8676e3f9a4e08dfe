/** The part of oidc-provider 9 that the bench uses; the package carries no types. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http'

  type Stored = Record<string, unknown>

  export interface Adapter {
    upsert(id: string, payload: Stored, expiresIn?: number): Promise<void>
    find(id: string): Promise<Stored | undefined>
    findByUid(uid: string): Promise<Stored | undefined>
    findByUserCode(userCode: string): Promise<Stored | undefined>
    consume(id: string): Promise<void>
    destroy(id: string): Promise<void>
    revokeByGrantId(grantId: string): Promise<void>
  }

  interface Client {
    clientId: string
  }
  interface Grant {
    addOIDCScope(scope: string): void
    addResourceScope(resource: string, scope: string): void
    save(): Promise<string>
  }
  interface Token {
    save(): Promise<string>
  }

  export class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>)
    callback(): RequestListener
    on(event: string, listener: (...details: unknown[]) => void): this
    Client: { find(id: string): Promise<Client | undefined> }
    Grant: new (properties: { accountId: string; clientId: string }) => Grant
    RefreshToken: new (properties: Record<string, unknown>) => Token
    AuthorizationCode: new (properties: Record<string, unknown>) => Token
    AccessToken: new (properties: Record<string, unknown>) => Token
  }
}

declare module 'oidc-provider/lib/adapters/memory_adapter.js' {
  import type { Adapter } from 'oidc-provider'
  const MemoryAdapter: new (model: string, store: object) => Adapter
  export { MemoryAdapter as default }
}

declare module 'oidc-provider/lib/helpers/lru.js' {
  const LRU: new (options: { maxSize: number }) => object
  export { LRU as default }
}
