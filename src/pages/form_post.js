// Sends the one form of the page as soon as it is there. Its button does the same by hand.
document.getElementById('form-post').submit()
