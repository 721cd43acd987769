"""How people time their conversations: references as data with a source, and how they are made from recordings of people."""
