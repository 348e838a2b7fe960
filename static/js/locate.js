// "Use my location". The place is asked for only on a press, and sent by POST for one answer.
// Without this script, or with a refusal, the form for typing is all there is, and enough.
const form = document.querySelector("form.finder");

if (form && navigator.geolocation && window.isSecureContext) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "second";
  button.textContent = form.dataset.locate;
  const status = document.createElement("p");
  status.setAttribute("role", "status");
  form.append(button, status);

  const send = ({ coords }) => {
    const answer = document.createElement("form");
    answer.method = "post";
    answer.action = form.action;
    const add = (name, value) => {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      answer.append(field);
    };
    // Three decimals are about 100 meters: the neighborhood, not the door.
    add("latitude", coords.latitude.toFixed(3));
    add("longitude", coords.longitude.toFixed(3));
    add("accuracy", Math.ceil(coords.accuracy / 100) * 100);
    document.body.append(answer);
    status.textContent = "";
    answer.submit();
    answer.remove();
  };
  const refuse = () => {
    status.textContent = form.dataset.refused;
    form.elements.address.focus();
  };

  button.addEventListener("click", () => {
    status.textContent = form.dataset.asking;
    navigator.geolocation.getCurrentPosition(send, refuse, { timeout: 15000, maximumAge: 300000 });
  });
}
