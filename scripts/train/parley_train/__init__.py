"""From conversations to a model that chats in the page: prepare, train, evaluate, export."""
