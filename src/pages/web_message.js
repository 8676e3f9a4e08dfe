// Tells the page that waits for it what was answered: the one around this frame, or the one that opened this window. A browser hands the message to
// a page of the named origin, or to none.
const { origin, response } = document.getElementById('web-message').dataset
const waiting = window.parent === window ? window.opener : window.parent
waiting?.postMessage({ type: 'authorization_response', response: JSON.parse(response) }, origin)
