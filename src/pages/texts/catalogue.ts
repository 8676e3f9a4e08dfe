import type { Child, Html } from '#base/html.ts'

/** The scopes of OpenID Connect Core 1.0 §5.4 and §11. Those of an API have their words in its registry. */
export type StandardScope = 'openid' | 'profile' | 'email' | 'address' | 'phone' | 'offline_access'

/** A sentence with something marked in it, such as a name: the parts in the order of the language. */
export type Sentence = readonly Child[]

/** A problem or a piece of news: what it is, and what can be done. */
export type Message = { readonly title: string; readonly text: string }

/** Why there is an error page. `request`: a link that no client should have made; its own words are for the client's developer. */
export type ErrorKind = 'request' | 'expired' | 'not_the_same' | 'other_site' | 'not_found' | 'busy' | 'defect'

export type ErrorWords = { readonly title: string; readonly text: string; readonly whatToDo: string }

/**
 * Every word on our pages. A second language is a second value of this type. What is a function gets its parts from the page; `Html` parts are
 * marked up already.
 */
export type Texts = {
  /** BCP 47, for `lang`. */
  readonly language: string
  /** BCP 47, for how dates are written. */
  readonly dates: string
  readonly direction: 'ltr' | 'rtl'
  /** The title of the window. */
  readonly windowTitle: (title: string, brand: string) => string
  /** The same when the page tells of a problem, which is then the first thing that is read out. */
  readonly problemTitle: (title: string) => string
  readonly unnamedClient: string
  readonly scopes: Readonly<Record<StandardScope, string>>
  readonly signIn: {
    readonly title: string
    readonly toContinue: (client: Html) => Sentence
    readonly toAccount: (brand: string) => Sentence
    readonly toDevice: string
    readonly username: string
    readonly password: string
    readonly realm: string
    readonly submit: string
    readonly problems: Readonly<Record<'wrong' | 'busy' | 'expired', Message>>
  }
  readonly consent: {
    readonly title: (client: string) => string
    readonly asks: (client: Html, brand: string) => Sentence
    readonly thirdParty: (brand: string) => string
    readonly firstParty: (brand: string) => string
    /** For a third party whose name has the platform's in it. */
    readonly notUs: (brand: string) => Message
    readonly returnsTo: string
    readonly shownOnDevice: string
    /** Whoever holds the device gets the access, and may have sent the code (RFC 8628 §5.4). */
    readonly mindTheDevice: Message
    /** Follows the host. */
    readonly onThisDevice: string
    readonly since: string
    readonly signedInAs: string
    readonly switch: string
    readonly identity: string
    readonly scopes: string
    readonly scopesHint: string
    readonly required: (reason: string) => string
    readonly openidReason: string
    readonly offline: string
    readonly offlineHint: string
    readonly organizations: string
    readonly allOrganizations: string
    readonly allOrganizationsHint: (total: number) => string
    readonly someOrganizations: string
    readonly someOrganizationsHint: string
    readonly chooseOrganizations: string
    readonly moreOrganizations: (shown: number, total: number) => string
    readonly canBeEnded: string
    readonly allow: string
    readonly deny: string
    readonly problems: Readonly<Record<'no_scope' | 'no_organization' | 'expired', Message>>
  }
  readonly account: {
    readonly title: string
    readonly signedInAs: (username: Html) => Sentence
    readonly access: string
    readonly accessHint: string
    readonly noAccess: string
    readonly noAccessHint: (brand: string) => string
    readonly thirdParty: (brand: string) => string
    readonly firstParty: (brand: string) => string
    readonly may: string
    readonly mayNothing: string
    readonly organizations: string
    readonly allOrganizations: string
    readonly noOrganizations: string
    readonly since: string
    readonly lastUsed: string
    readonly neverUsed: string
    readonly keepsAccess: string
    readonly withPassword: string
    readonly endAccess: string
    /** Follows `endAccess`, for those who hear the button alone. */
    readonly endAccessOf: (client: string) => string
    readonly password: string
    readonly passwordHint: string
    readonly changePassword: string
    readonly signOut: string
    readonly signOutTitle: string
    readonly signOutHint: string
    readonly signOutEverywhere: string
    readonly signOutEverywhereHint: string
    readonly notices: {
      readonly accessEnded: (client: string | undefined) => Message
      readonly passwordChanged: Message
    }
  }
  readonly deviceCode: {
    readonly title: string
    readonly enter: string
    /** Where the link has brought the code. */
    readonly compare: string
    readonly label: string
    readonly hint: string
    readonly trap: Message
    readonly submit: string
    readonly problems: Readonly<Record<'wrong' | 'busy' | 'gone', Message>>
    readonly allowedTitle: string
    readonly allowed: (client: Html) => Sentence
    readonly deniedTitle: string
    readonly denied: (client: Html) => Sentence
    readonly goBack: string
    readonly canBeEnded: string
    readonly account: string
  }
  readonly passwordChange: {
    readonly title: string
    readonly current: string
    readonly new: string
    readonly newHint: string
    readonly again: string
    readonly consequence: string
    readonly submit: string
    readonly cancel: string
    readonly problems: Readonly<Record<'wrong' | 'busy' | 'different' | 'unfit', Message>>
  }
  readonly error: {
    readonly requestId: string
    readonly kinds: Readonly<Record<ErrorKind, ErrorWords>>
  }
  readonly signOut: {
    readonly title: string
    readonly lead: (username: Html, brand: string) => Sentence
    readonly ended: string
    readonly goOn: string
    readonly goOnHint: string
    readonly back: (client: Html, host: Html) => Sentence
    readonly signOut: string
    readonly stay: string
    readonly stayed: {
      readonly title: string
      readonly text: string
      readonly back: (client: Html) => Sentence
      readonly account: string
    }
  }
  readonly signedOut: {
    readonly title: string
    readonly text: string
    readonly ended: string
    readonly goOn: string
    readonly goOnHint: string
    readonly everywhereTitle: string
    readonly everywhereText: string
    readonly shared: string
    readonly signIn: string
  }
  readonly formPost: {
    readonly title: string
    readonly text: (client: Html) => Sentence
    readonly continue: string
  }
  readonly webMessage: {
    readonly title: string
    readonly text: (client: Html) => Sentence
    readonly whatToDo: string
  }
}
