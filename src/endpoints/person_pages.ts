import { visibilityOf } from '#access/visibility.ts'
import type { LiveBrowserSession } from '#accounts/browser_session.ts'
import type { ClientAccess } from '#endpoints/account.ts'
import type { Wanted } from '#endpoints/consent_choice.ts'
import type { WayBack } from '#endpoints/logout_request.ts'
import type { Reply, Request } from '#http/message.ts'
import { isFromOwnPage } from '#http/same_origin.ts'
import { accountPage, type AccountNotice } from '#pages/account.ts'
import type { Brand } from '#pages/brand.ts'
import { consentPage, type Choice, type ConsentData } from '#pages/consent.ts'
import { deviceAnswerPage, deviceCodePage, type DeviceAnswerData, type DeviceCodeData } from '#pages/device_code.ts'
import { errorPage } from '#pages/error.ts'
import { formPostPage } from '#pages/form_post.ts'
import { pageReply } from '#pages/page.ts'
import { passwordChangePage, type PasswordChangeData } from '#pages/password_change.ts'
import { signedOutPage, type ClientNames } from '#pages/signed_out.ts'
import { signOutPage, stillSignedInPage } from '#pages/sign_out.ts'
import { signInPage, type SignInData } from '#pages/sign_in.ts'
import type { ErrorKind, Texts } from '#pages/texts/catalogue.ts'
import { webMessagePage } from '#pages/web_message.ts'
import type { ResponseTarget } from '#protocol/authorization_request.ts'
import type { AuthorizationResponse } from '#protocol/authorization_response.ts'
import { isOfNativeProgram } from '#protocol/redirect_uri.ts'
import { IDENTITY_SCOPES } from '#protocol/scope.ts'
import { showUserCode } from '#protocol/user_code.ts'
import type { Client, Grant } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'

/** A form that another site sent in somebody's name. */
export class OtherSiteError extends Error {
  override readonly name = 'OtherSiteError'
}

export type SignInShown = Pick<
  SignInData,
  'request' | 'clientName' | 'isForDevice' | 'username' | 'problem' | 'realm'
> & {
  readonly target?: ResponseTarget | undefined
  readonly status?: number
  readonly headers?: Reply['headers'] | undefined
}

type Answer = { readonly status?: number; readonly headers?: Reply['headers'] }

/** What is switched on as the page opens: what was allowed before, or what was chosen a moment ago. All if there is none. */
type Chosen = Pick<Grant, 'scopes' | 'organizations'>

/** The pages of the server with what it knows, as answers. */
export type PersonPages = {
  readonly signIn: (shown: SignInShown) => Reply
  readonly consent: (
    asked: Wanted,
    /** Where the client waits: at a redirect URI, or on the device that shows the code. */
    where: Pick<ResponseTarget, 'redirectUri'> | { readonly userCode: string },
    live: LiveBrowserSession,
    chosen: Chosen | undefined,
    request: string,
    problem?: ConsentData['problem'],
  ) => Promise<Reply>
  readonly account: (
    live: LiveBrowserSession,
    clients: readonly ClientAccess[],
    csrf: string,
    notice?: AccountNotice,
  ) => Reply
  readonly passwordChange: (
    live: LiveBrowserSession,
    csrf: string,
    answer?: Answer & { readonly problem?: PasswordChangeData['problem'] },
  ) => Reply
  readonly deviceCode: (typed: string, answer?: Answer & { readonly problem?: DeviceCodeData['problem'] }) => Reply
  readonly deviceAnswer: (answer: DeviceAnswerData['answer'], clientName: string) => Reply
  readonly signOut: (
    live: LiveBrowserSession,
    clients: ClientNames,
    back: WayBack | undefined,
    request: string,
  ) => Reply
  readonly stillSignedIn: (back: WayBack | undefined) => Reply
  readonly signedOut: (
    what: Partial<ClientNames> & Pick<Answer, 'headers'> & { readonly isEverywhere?: boolean },
  ) => Reply
  readonly formPost: (redirectUri: string, response: AuthorizationResponse, clientName: string) => Reply
  readonly webMessage: (target: ResponseTarget, response: AuthorizationResponse, clientName: string) => Reply
  readonly error: (
    kind: ErrorKind,
    status: number,
    request: Request,
    detail?: string,
    headers?: Reply['headers'],
  ) => Reply
  /** @throws {OtherSiteError} */
  readonly refuseOtherPages: (request: Request) => void
}

export type PersonPagesTools = {
  readonly brand: Brand
  readonly texts: Texts
  readonly store: Pick<Store, 'entities'>
  readonly publicOrigins: readonly string[]
  /** The API whose tokens can be confined to organizations. */
  readonly platformAudience: string
}

/** More than anybody reads; who sees more chooses among the first, or allows all. */
const MOST_ORGANIZATIONS = 500

export const createPersonPages = (tools: PersonPagesTools): PersonPages => {
  const { brand, texts, store, publicOrigins, platformAudience } = tools
  const look = { brand, texts }
  const sendable = (headers: Reply['headers'] = {}) => headers as Readonly<Record<string, string>>

  const organizationsOf = async (
    { resource }: Wanted,
    { account }: LiveBrowserSession,
    before: Chosen | undefined,
  ): Promise<ConsentData['organizations']> => {
    if (resource.audience !== platformAudience) return undefined
    const page = { limit: MOST_ORGANIZATIONS, offset: 0, sort: { field: 'name', descending: false } } as const
    const { entities, total } = await store.entities.list('organization', visibilityOf(account, 'all'), page)
    const chosen = before === undefined || before.organizations === 'all' ? undefined : new Set(before.organizations)
    return {
      choice: chosen === undefined ? 'all' : 'some',
      list: entities.map(({ id, name }) => ({ id, name, isOn: chosen?.has(id) ?? false })),
      total,
    }
  }

  return {
    signIn: ({ target, status = 200, headers, ...shown }) =>
      pageReply(signInPage({ ...look, action: '/sign-in', ...shown }), status, {
        ...(target === undefined ? {} : { formAction: new URL(target.redirectUri) }),
        headers: sendable(headers),
      }),

    consent: async (asked, where, live, chosen, request, problem) => {
      const { client, decidable, resource } = asked
      const choose = (scope: string): Choice => {
        const required = client.policy.requiredScopes?.[scope]
        return {
          isOn: chosen === undefined || chosen.scopes.includes(scope),
          ...(required === undefined ? {} : { required }),
        }
      }
      const page = consentPage({
        ...look,
        action: 'userCode' in where ? '/device/decision' : '/consent',
        request,
        account: { name: live.account.profile.name, username: live.account.username },
        client: {
          name: client.name,
          ...('userCode' in where
            ? { deviceCode: showUserCode(where.userCode) }
            : { host: hostOf(where.redirectUri), isOnThisDevice: isOfNativeProgram(where.redirectUri) }),
          isThirdParty: client.policy.party === 'third',
          since: client.createdAt,
        },
        identity: IDENTITY_SCOPES.filter((name) => decidable.includes(name)).map((name) => ({ name, ...choose(name) })),
        scopes: resource.scopes
          .filter(({ name }) => decidable.includes(name))
          .map(({ name, description }) => ({ name, description, ...choose(name) })),
        offline: decidable.includes('offline_access') ? choose('offline_access') : undefined,
        organizations: await organizationsOf(asked, live, chosen),
        problem,
      })
      return pageReply(
        page,
        problem === undefined ? 200 : 400,
        'userCode' in where ? {} : { formAction: new URL(where.redirectUri) },
      )
    },

    account: (live, clients, csrf, notice) =>
      pageReply(
        accountPage({
          ...look,
          actions: {
            endAccess: '/account/end-access',
            signOut: '/account/sign-out',
            signOutEverywhere: '/account/sign-out-everywhere',
            changePassword: '/account/password',
          },
          csrf,
          account: { name: live.account.profile.name, username: live.account.username },
          clients: clients.map(({ client, may, identity, signsInWithPassword, ...line }) => ({
            ...describeClient(client),
            scopes: [...may, ...identity.map((scope) => texts.scopes[scope])],
            withPassword: signsInWithPassword,
            ...line,
          })),
          notice,
        }),
        200,
      ),

    passwordChange: (live, csrf, { problem, status = 200, headers } = {}) =>
      pageReply(
        passwordChangePage({
          ...look,
          action: '/account/password',
          csrf,
          username: live.account.username,
          cancel: '/account',
          problem,
        }),
        status,
        { headers: sendable(headers) },
      ),

    deviceCode: (typed, { problem, status = 200, headers } = {}) =>
      pageReply(deviceCodePage({ ...look, action: '/device', typed, problem }), status, { headers: sendable(headers) }),

    deviceAnswer: (answer, clientName) =>
      pageReply(deviceAnswerPage({ ...look, answer, clientName, account: '/account' }), 200),

    signOut: (live, clients, back, request) =>
      pageReply(
        signOutPage({
          ...look,
          ...clients,
          action: '/oidc/logout/confirm',
          request,
          username: live.account.username,
          back: back && { clientName: back.client.name, host: hostOf(back.uri) },
        }),
        200,
        back === undefined ? {} : { formAction: new URL(back.uri) },
      ),

    stillSignedIn: (back) =>
      pageReply(
        stillSignedInPage({
          ...look,
          account: '/account',
          // A program's own scheme is not for a link that somebody follows because they did not go there.
          back: back && /^https?:/.test(back.uri) ? { clientName: back.client.name, url: back.uri } : undefined,
        }),
        200,
      ),

    signedOut: ({ headers, ...what }) =>
      pageReply(signedOutPage({ ...look, ...what, signIn: '/account' }), 200, { headers: sendable(headers) }),

    formPost: (action, fields, clientName) =>
      pageReply(formPostPage({ ...look, action, fields, clientName }), 200, { formAction: new URL(action) }),

    webMessage: ({ redirectUri, isSilent }, response, clientName) => {
      const { origin } = new URL(redirectUri)
      return pageReply(webMessagePage({ ...look, origin, response, clientName }), 200, {
        ...(isSilent ? { framedBy: new URL(origin) } : {}),
      })
    },

    error: (kind, status, { id }, detail, headers) => {
      const words = texts.error.kinds[kind]
      const text = detail === undefined ? words.text : `${words.text} (${detail})`
      return pageReply(errorPage({ ...look, ...words, text, requestId: id }), status, { headers: sendable(headers) })
    },

    refuseOtherPages: (request) => {
      if (!isFromOwnPage(request, publicOrigins)) throw new OtherSiteError('a form that is not of our page')
    },
  }
}

const hostOf = (redirectUri: string): string => {
  const { protocol, host } = new URL(redirectUri)
  return host === '' ? protocol : host
}

const describeClient = ({ id, name, policy }: Client) => ({ id, name, isThirdParty: policy.party === 'third' })
