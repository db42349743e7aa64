// The button asks the node to verify, and puts each verdict into its row.
const form = document.getElementById("verify");
const said = document.getElementById("verdict");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  said.textContent = "The node verifies …";
  try {
    const answer = await fetch(`${form.getAttribute("action")}?verify=1&format=json`);
    const found = await answer.json();
    if (answer.ok) show(found.checkedCertificate);
    else said.textContent = answer.status === 429 ? "Too many checks at once; try again in a moment." : found.error.message;
  } catch {
    said.textContent = "The node did not answer.";
  } finally {
    button.disabled = false;
  }
});

function show(checked) {
  const rows = [...document.querySelectorAll("[data-signer]")];
  checked.verdicts.forEach((holds, place) => {
    const pill = document.createElement("span");
    pill.className = holds ? "pill good" : "pill bad";
    pill.textContent = holds ? "✓ holds" : "✗ forged";
    rows[place].querySelector("[data-verdict]").replaceChildren(pill);
  });
  const good = checked.verdicts.filter(Boolean).length;
  const quorum = checked.reachesQuorum ? "and they are a quorum" : "and they are no quorum";
  said.textContent = `${good} of ${checked.verdicts.length} hold, ${quorum}: verified by ${checked.engine} in ${(checked.tookUs / 1000).toFixed(2)} ms.`;
}
