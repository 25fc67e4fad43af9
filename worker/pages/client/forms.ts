const PRESSED = "pressed";

/**
 * A pressed button stays pressed until the page is shown again. The form's key makes a second press harmless; this makes it
 * unlikely, and shows that something is happening.
 */
export function pressOnce(): void {
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!(button instanceof HTMLButtonElement)) return;
    if (PRESSED in button.dataset) {
      event.preventDefault();
      return;
    }
    button.dataset[PRESSED] = "";
    // Disabling a button within its own submit would leave its value out of the form.
    setTimeout(() => {
      button.disabled = true;
      button.setAttribute("aria-busy", "true");
    });
  });

  addEventListener("pageshow", (event) => {
    for (const button of document.querySelectorAll<HTMLButtonElement>(`button[data-${PRESSED}]`)) {
      delete button.dataset[PRESSED];
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
    // Taken from the back/forward cache: what it shows, and its keys, may be of another time.
    if (event.persisted) location.reload();
  });
}
