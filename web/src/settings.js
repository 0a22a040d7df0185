// What the server wrote into the page: {endpoint, demo, defaultTabs}.
export const settings = JSON.parse(document.getElementById("settings").textContent);

const socket = new URL(settings.endpoint, location.href);
socket.protocol = socket.protocol.replace("http", "ws");
export const socketUrl = socket.href;
