import type { Texts } from '#pages/texts/catalogue.ts'

const and = (count: number, one: string, many: string): string => (count === 1 ? one : many)

export const english: Texts = {
  language: 'en',
  // The day first, and hours to 24.
  dates: 'en-GB',
  direction: 'ltr',
  windowTitle: (title, brand) => `${title} · ${brand}`,
  problemTitle: (title) => `Problem: ${title}`,
  unnamedClient: 'A program without a name',
  scopes: {
    openid: 'Recognise you, by the number of your account.',
    profile: 'See your name and what else is in your profile.',
    email: 'See your e-mail address.',
    address: 'See your postal address.',
    phone: 'See your phone number.',
    offline_access: 'Keep access when you are away.',
  },
  signIn: {
    title: 'Sign in',
    toContinue: (client) => ['to continue to ', client],
    toAccount: (brand) => [`to your ${brand} account`],
    username: 'User name',
    password: 'Password',
    realm: 'Directory',
    submit: 'Sign in',
    problems: {
      wrong: {
        title: 'That did not work',
        text: 'The user name or the password is not right. Check both and try again.',
      },
      busy: {
        title: 'Please wait a little',
        text: 'There were too many attempts. Wait a minute, then try again.',
      },
      expired: {
        title: 'Please sign in again',
        text: 'The page was open for too long.',
      },
    },
  },
  consent: {
    title: (client) => `Access for ${client}`,
    asks: (client, brand) => [client, ` asks for access to your ${brand} account`],
    thirdParty: (brand) => `Made by a third party, not by ${brand}`,
    firstParty: (brand) => `Part of ${brand}`,
    notUs: (brand) => ({
      title: 'Mind the name',
      text: `Whatever it is called, it is not part of ${brand}. Go on only if you know who made it.`,
    }),
    returnsTo: 'Sends you back to',
    onThisDevice: '(a program on this device)',
    since: 'Registered since',
    signedInAs: 'Signed in as',
    switch: 'Not you?',
    identity: 'Who you are',
    scopes: 'What it may do',
    scopesHint: 'Leave out what it does not need.',
    required: (reason) => `It does not work without this. ${reason}`,
    openidReason: 'Always part of signing in.',
    offline: 'When you are away',
    offlineHint: 'Until you end it on your account page. Otherwise only as long as you use it now.',
    organizations: 'For which organizations',
    allOrganizations: 'All that I can see',
    allOrganizationsHint: (total) =>
      `${and(total, 'The one that you see today', `The ${total} that you see today`)}, and any that are added later.`,
    someOrganizations: 'Only these',
    someOrganizationsHint: 'It learns nothing of any other.',
    chooseOrganizations: 'Organizations that it may see',
    moreOrganizations: (shown, total) => `The first ${shown} of ${total} are listed.`,
    canBeEnded: 'You can end this at any time on your account page.',
    allow: 'Allow',
    deny: 'Don’t allow',
    problems: {
      no_scope: {
        title: 'Nothing is chosen',
        text: 'Switch on at least one thing that it may do, or choose “Don’t allow”.',
      },
      no_organization: {
        title: 'No organization is chosen',
        text: 'Choose at least one organization, or “All that I can see”.',
      },
      expired: {
        title: 'Please look at this again',
        text: 'The page was open for too long, so nothing was allowed yet.',
      },
    },
  },
  account: {
    title: 'Your account',
    signedInAs: (username) => ['Signed in as ', username],
    access: 'Who has access',
    accessHint: 'These may act in your name. Ending access takes effect at once.',
    noAccess: 'Nobody has access',
    noAccessHint: (brand) => `When you allow something to use your ${brand} account, you find it here and can end it.`,
    thirdParty: (brand) => `Made by a third party, not by ${brand}`,
    firstParty: (brand) => `Part of ${brand}`,
    may: 'May',
    mayNothing: 'Nothing',
    organizations: 'Organizations',
    allOrganizations: 'All that you can see',
    noOrganizations: 'None that you can see today',
    since: 'Since',
    lastUsed: 'Last used',
    neverUsed: 'Not in use now',
    keepsAccess: 'Keeps access when you are away',
    withPassword: 'Signs in with your password',
    endAccess: 'End access',
    endAccessOf: (client) => ` of ${client}`,
    password: 'Password',
    passwordHint: 'A new password ends everything that was begun with the old one.',
    changePassword: 'Change password',
    signOut: 'Sign out',
    signOutTitle: 'Sign out',
    signOutHint: 'Ends your session in this browser.',
    signOutEverywhere: 'Sign out everywhere',
    signOutEverywhereHint: 'Ends your sessions in all browsers, and those of everything that has access.',
    notices: {
      accessEnded: (client) => ({
        title: 'Access has ended',
        text:
          client === undefined
            ? 'It can do nothing in your name any more.'
            : `${client} can do nothing in your name any more.`,
      }),
      passwordChanged: {
        title: 'Your password is changed',
        text: 'Everything that was begun with the old one has ended. This browser stays signed in.',
      },
    },
  },
  passwordChange: {
    title: 'Change your password',
    current: 'Current password',
    new: 'New password',
    newHint: 'At least 8 characters. A few unrelated words are easy to remember and hard to guess.',
    again: 'New password, once more',
    consequence: 'You stay signed in here, and are signed out everywhere else.',
    submit: 'Change password',
    cancel: 'Cancel',
    problems: {
      wrong: { title: 'That did not work', text: 'The current password is not right.' },
      busy: { title: 'Please wait a little', text: 'There were too many attempts. Wait a minute, then try again.' },
      different: { title: 'The new passwords differ', text: 'Type the same new password twice.' },
      unfit: {
        title: 'Please choose another password',
        text: 'A new password has 8 to 1,024 characters and no line breaks.',
      },
    },
  },
  error: {
    requestId: 'For support:',
    kinds: {
      request: {
        title: 'This link does not work',
        text: 'The site or program that sent you here made a mistake.',
        whatToDo: 'Go back to it and try again. If that does not help, tell the people who run it.',
      },
      expired: {
        title: 'This page is too old',
        text: 'It was opened more than an hour ago, or was changed on its way.',
        whatToDo: 'Go back to the site or program that you came from, and begin again there.',
      },
      not_the_same: {
        title: 'Somebody else is signed in now',
        text: 'Since this page was opened, this browser was signed out or signed in anew. Nothing has been decided.',
        whatToDo: 'Go back to the site or program that you came from, and begin again there.',
      },
      other_site: {
        title: 'This did not come from our page',
        text: 'Another site tried to send this form in your name. Nothing has been done.',
        whatToDo: 'If you meant to do it, open our page yourself and do it there.',
      },
      not_found: {
        title: 'There is nothing here',
        text: 'The address may be mistyped.',
        whatToDo: 'Check it, or go back to where you came from.',
      },
      busy: {
        title: 'We cannot answer just now',
        text: 'Too much is asked of us at this moment. Nothing has been lost.',
        whatToDo: 'Wait a few seconds and try again.',
      },
      defect: {
        title: 'Something went wrong on our side',
        text: 'This is our mistake, not yours.',
        whatToDo: 'Try again. If it stays so, tell support the number below.',
      },
    },
  },
  signedOut: {
    title: 'You are signed out',
    text: 'Your session in this browser has ended.',
    everywhereTitle: 'You are signed out everywhere',
    everywhereText: 'Your sessions in all browsers have ended, and those of everything that had access.',
    shared: 'If others use this browser too, close its windows now.',
    signIn: 'Sign in again',
  },
  formPost: {
    title: 'One moment',
    text: (client) => ['You are on your way back to ', client, '.'],
    continue: 'Continue',
  },
  webMessage: {
    title: 'One moment',
    text: (client) => ['You are on your way back to ', client, '.'],
    whatToDo: 'If this window stays open, close it and go on where you came from.',
  },
}
